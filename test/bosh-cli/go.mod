module slipway/test/bosh-cli

go 1.19
