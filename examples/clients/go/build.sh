#!/bin/sh
# Makes the Go code of the API's protos and builds the client with it: sh build.sh FOLDER; the program is FOLDER/move-container.
# Needs Debian's golang-go, golang-google-grpc-dev, golang-google-protobuf-dev, protobuf-compiler, protoc-gen-go-1-5 and
# protoc-gen-go-grpc. With modules instead of Debian's packages, generate the same code and require google.golang.org/grpc.
set -eu
out=${1:?"say where to: sh build.sh FOLDER"}
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../../.." && pwd)
mkdir -p "$out/src/move-container"
out=$(cd "$out" && pwd)
# The protos name no Go packages: which language a client is written in is no business of theirs.
protos=$(cd "$root/proto" && echo lormas/api/v1/*.proto)
packages=Mbuf/validate/validate.proto=lormas/buf/validate
packages=$packages,Mgoogle/api/annotations.proto=google.golang.org/genproto/googleapis/api/annotations
packages=$packages,Mgoogle/api/http.proto=google.golang.org/genproto/googleapis/api/annotations
for proto in $protos; do packages=$packages,M$proto=lormas/api/v1\;apiv1; done
protoc --proto_path="$root/proto" --proto_path="$root/third_party" \
  --go_out="$out/src" --go_opt="$packages" --go-grpc_out="$out/src" --go-grpc_opt="$packages" \
  $protos buf/validate/validate.proto
cp "$here/main.go" "$here/codec.go" "$out/src/move-container/"
GO111MODULE=off GOPATH="$out:/usr/share/gocode" GOFLAGS= GOCACHE="${GOCACHE:-$out/cache}" \
  go build -o "$out/move-container" move-container
