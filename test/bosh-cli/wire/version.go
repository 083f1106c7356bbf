package main

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// A version is RELEASE[-PRE][+POST], each of dot-separated letters, digits, dashes and underscores.
var versionPattern = regexp.MustCompile(`^([\w.]+)(-([\w.-]+))?(\+([\w.-]+))?$`)

// checkVersion refuses what makes a whole listing of the CLI fail.
func checkVersion(of, text string) error {
	parts := versionPattern.FindStringSubmatch(text)
	if parts == nil {
		return fmt.Errorf("Parsing version for %s: '%s' is no semi-semantic version", of, text)
	}
	for _, part := range []string{parts[1], parts[3], parts[5]} {
		for _, component := range strings.Split(part, ".") {
			if component == "" && part != "" {
				return fmt.Errorf("Parsing version for %s: '%s' has an empty component", of, text)
			}
		}
	}
	return nil
}

// newer tells by number where both components are numbers.
func newer(a, b string) bool {
	left, right := strings.FieldsFunc(a, notAlphanumeric), strings.FieldsFunc(b, notAlphanumeric)
	for at := 0; at < len(left) && at < len(right); at++ {
		if left[at] == right[at] {
			continue
		}
		l, errL := strconv.Atoi(left[at])
		r, errR := strconv.Atoi(right[at])
		if errL == nil && errR == nil {
			return l > r
		}
		return left[at] > right[at]
	}
	return len(left) > len(right)
}

func notAlphanumeric(r rune) bool { return strings.ContainsRune(".-+_", r) }
