package main

import (
	"crypto/sha1"
	"crypto/sha256"
	"fmt"
	"strings"
)

// checkDigest takes "ALGORITHM:HEX", plain SHA-1, and several of them with ';' between.
func checkDigest(content []byte, digests string) error {
	for _, digest := range strings.Split(digests, ";") {
		algorithm, hex, named := strings.Cut(digest, ":")
		if !named {
			algorithm, hex = "sha1", digest
		}
		found := ""
		switch {
		case hex == "":
			continue
		case algorithm == "sha1":
			found = fmt.Sprintf("%x", sha1.Sum(content))
		case algorithm == "sha256":
			found = fmt.Sprintf("%x", sha256.Sum256(content))
		default:
			continue // one of the others must do
		}
		if found != hex {
			return fmt.Errorf("expected %s digest '%s', found '%s'", algorithm, hex, found)
		}
	}
	return nil
}
