// Never read: each minor has a file of its own, as 1.37.mod (go build -modfile). Go finds the module's root by this one.
module slipway/kubernetes

go 1.26.8
