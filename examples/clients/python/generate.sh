#!/bin/sh
# Makes the Python code of the API's protos in a folder: sh generate.sh FOLDER. Needs Debian's protobuf-compiler and
# protobuf-compiler-grpc; what it makes needs python3-protobuf and python3-grpcio.
set -eu
out=${1:?"say where to: sh generate.sh FOLDER"}
root=$(cd "$(dirname "$0")/../../.." && pwd)
mkdir -p "$out"
protos=$(cd "$root/proto" && echo lormas/api/v1/*.proto)
protoc --proto_path="$root/proto" --proto_path="$root/third_party" \
  --python_out="$out" --plugin=protoc-gen-grpc_python="$(command -v grpc_python_plugin)" --grpc_python_out="$out" \
  $protos buf/validate/validate.proto google/api/annotations.proto google/api/http.proto
