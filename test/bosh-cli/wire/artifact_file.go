package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"strings"
)

// readYAML has Ruby read what the standard library of Go cannot. Ruby is there: the director needs it.
func readYAML(text []byte, into any) error {
	program := exec.Command("ruby", "-ryaml", "-rjson", "-e", "print JSON.generate(YAML.safe_load($stdin.read, aliases: true))")
	program.Stdin = bytes.NewReader(text)
	var complaint bytes.Buffer
	program.Stderr = &complaint
	converted, err := program.Output()
	if err != nil {
		return fmt.Errorf("YAML: %s", strings.TrimSpace(complaint.String()))
	}
	return json.Unmarshal(converted, into)
}

// memberOf gives one file of a tarball.
func memberOf(tarball, name string) ([]byte, error) {
	var found []byte
	err := eachMember(tarball, func(header *tar.Header, content io.Reader) error {
		if path.Clean(header.Name) != name {
			return nil
		}
		var err error
		if found, err = io.ReadAll(content); err != nil {
			return err
		}
		return io.EOF // enough
	})
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	if found == nil {
		return nil, fmt.Errorf("%s has no %s", tarball, name)
	}
	return found, nil
}

func eachMember(tarball string, visit func(*tar.Header, io.Reader) error) error {
	file, err := os.Open(tarball)
	if err != nil {
		return err
	}
	defer file.Close()
	unpacked, err := gzip.NewReader(file)
	if err != nil {
		return fmt.Errorf("%s: %w", tarball, err)
	}
	members := tar.NewReader(unpacked)
	for {
		header, err := members.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("%s: %w", tarball, err)
		}
		if err := visit(header, members); err != nil {
			return err
		}
	}
}

type releasePackage struct{ Name, Fingerprint string }

type releaseManifest struct {
	Name, Version    string
	Packages         []releasePackage
	CompiledPackages []releasePackage `json:"compiled_packages"`
}

// without copies a release tarball to a file of its own, leaving out the packages the director has.
func without(tarball string, manifest releaseManifest, fingerprints []string) (string, error) {
	unwanted := map[string]bool{}
	for _, each := range append(manifest.Packages, manifest.CompiledPackages...) {
		for _, fingerprint := range fingerprints {
			if each.Fingerprint == fingerprint {
				unwanted["packages/"+each.Name+".tgz"] = true
				unwanted["compiled_packages/"+each.Name+".tgz"] = true
			}
		}
	}
	target, err := os.CreateTemp("", "wire-release-")
	if err != nil {
		return "", err
	}
	defer target.Close()
	packed := gzip.NewWriter(target)
	members := tar.NewWriter(packed)
	err = eachMember(tarball, func(header *tar.Header, content io.Reader) error {
		if unwanted[path.Clean(header.Name)] {
			return nil
		}
		if err := members.WriteHeader(header); err != nil {
			return err
		}
		_, err := io.Copy(members, content)
		return err
	})
	for _, step := range []func() error{members.Close, packed.Close} {
		if err == nil {
			err = step()
		}
	}
	if err != nil {
		os.Remove(target.Name())
		return "", err
	}
	return target.Name(), nil
}
