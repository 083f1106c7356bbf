# How Go is called here; sourced. Debian's, with nothing from outside and its cache below build/.
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
export PATH=/usr/bin:$PATH GOCACHE=$root/build/cache/go GOPATH=$root/build/cache/gopath
export GOFLAGS=-mod=mod GOPROXY=off GOSUMDB=off GOTOOLCHAIN=local GOENV=off CGO_ENABLED=0
