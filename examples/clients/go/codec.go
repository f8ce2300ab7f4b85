package main

import (
	"fmt"

	"google.golang.org/protobuf/proto"
)

// codec is what google.golang.org/grpc does by itself since 1.36: Debian 12 has an older one, which knows the messages of
// protoc-gen-go before 1.4 alone.
type codec struct{}

func (codec) Name() string { return "proto" }

func (codec) Marshal(message interface{}) ([]byte, error) {
	known, ok := message.(proto.Message)
	if !ok {
		return nil, fmt.Errorf("%T is no protobuf message", message)
	}
	return proto.Marshal(known)
}

func (codec) Unmarshal(data []byte, message interface{}) error {
	known, ok := message.(proto.Message)
	if !ok {
		return fmt.Errorf("%T is no protobuf message", message)
	}
	return proto.Unmarshal(data, known)
}
