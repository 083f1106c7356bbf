package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"time"
)

type releaseVersion struct {
	Version            string
	CurrentlyDeployed  bool   `json:"currently_deployed"`
	CommitHash         string `json:"commit_hash"`
	UncommittedChanges bool   `json:"uncommitted_changes"`
}

type releaseSeries struct {
	Name     string
	Versions []releaseVersion `json:"release_versions"`
}

type link struct {
	Name, Type string
	Optional   bool
}

type releaseContents struct {
	Jobs []struct {
		Name, Fingerprint string
		BlobstoreID       string `json:"blobstore_id"`
		SHA1              string
		Consumes          []link
		Provides          []link
	}
	Packages []struct {
		Name, Fingerprint string
		BlobstoreID       string `json:"blobstore_id"`
		SHA1              string
		CompiledPackages  []struct {
			Stemcell    string
			SHA1        string
			BlobstoreID string `json:"blobstore_id"`
		} `json:"compiled_packages"`
	}
}

func (s *session) listReleases() ([]releaseSeries, error) {
	var found []releaseSeries
	if err := s.director.get("/releases", &found); err != nil {
		return nil, err
	}
	for _, series := range found {
		for _, each := range series.Versions {
			if err := checkVersion("release '"+series.Name+"'", each.Version); err != nil {
				return nil, err
			}
		}
	}
	return found, nil
}

func (s *session) hasRelease(name, version string) (bool, error) {
	found, err := s.listReleases()
	for _, series := range found {
		for _, each := range series.Versions {
			if series.Name == name && each.Version == version {
				return true, err
			}
		}
	}
	return false, err
}

func releases(s *session) error {
	found, err := s.listReleases()
	if err != nil {
		return err
	}
	sort.SliceStable(found, func(a, b int) bool { return found[a].Name < found[b].Name })
	shown := table{content: "releases", titles: []string{"Name", "Version", "Commit Hash"},
		notes: []string{"(*) Currently deployed", "(+) Uncommitted changes"}}
	for _, series := range found {
		versions := series.Versions
		sort.SliceStable(versions, func(a, b int) bool { return newer(versions[a].Version, versions[b].Version) })
		for _, each := range versions {
			version, commit := each.Version, each.CommitHash
			if each.CurrentlyDeployed {
				version += "*"
			}
			if each.UncommittedChanges {
				commit += "+"
			}
			shown.add(series.Name, version, commit)
		}
	}
	s.out.table(shown)
	return nil
}

func (s *session) contentsOf(name, version string) (releaseContents, error) {
	var contents releaseContents
	err := s.director.get(query("/releases/"+name, "version", version), &contents)
	return contents, err
}

func showLinks(links []link) string {
	if len(links) == 0 {
		return ""
	}
	text, err := json.Marshal(links)
	if err != nil {
		panic(err)
	}
	return string(text)
}

func inspectRelease(s *session) error {
	name, version, err := slug(s.arguments.word(0), "NAME/VERSION")
	if err != nil {
		return err
	}
	contents, err := s.contentsOf(name, version)
	if err != nil {
		return err
	}
	jobs := table{content: "jobs", titles: []string{"Job", "Blobstore ID", "Digest", "Links Consumed", "Links Provided"}}
	for _, job := range contents.Jobs {
		jobs.add(job.Name+"/"+job.Fingerprint, job.BlobstoreID, job.SHA1, showLinks(job.Consumes), showLinks(job.Provides))
	}
	packages := table{content: "packages", titles: []string{"Package", "Compiled for", "Blobstore ID", "Digest"}}
	for _, each := range contents.Packages {
		packages.add(each.Name+"/"+each.Fingerprint, "(source)", each.BlobstoreID, each.SHA1)
		for _, compiled := range each.CompiledPackages {
			if _, _, err := slug(compiled.Stemcell, "OS/VERSION"); err != nil {
				return err
			}
			packages.add(each.Name+"/"+each.Fingerprint, compiled.Stemcell, compiled.BlobstoreID, compiled.SHA1)
		}
	}
	s.out.table(jobs)
	s.out.table(packages)
	return nil
}

func uploadRelease(s *session) error {
	location := strings.TrimPrefix(s.arguments.word(0), "file://")
	if !s.arguments.has("fix") {
		name, version := s.arguments.value("name"), s.arguments.value("version")
		there, err := s.hasRelease(name, version)
		if err != nil {
			return err
		}
		if there {
			s.out.line("Release '%s/%s' already exists.", name, version)
			return nil
		}
	}
	path := query("/releases", "fix", s.given("fix"), "rebase", s.given("rebase"))
	if isRemote(location) {
		return s.awaitTask(withJSON(http.MethodPost, path, remote(location, s.arguments.value("sha1"))))
	}
	return s.uploadReleaseFile(location, path)
}

func (s *session) uploadReleaseFile(tarball, path string) error {
	content, err := memberOf(tarball, "release.MF")
	if err != nil {
		return err
	}
	var manifest releaseManifest
	if err := readYAML(content, &manifest); err != nil {
		return err
	}
	var known []string
	if !s.arguments.has("fix") {
		route := "/packages/matches"
		if len(manifest.CompiledPackages) > 0 {
			route = "/packages/matches_compiled"
		}
		// The CLI ignores an error here and sends all; the suite wants to know of one.
		if err := s.director.decode(withYAML(http.MethodPost, route, content), &known); err != nil {
			return err
		}
	}
	sent, err := without(tarball, manifest, known)
	if err != nil {
		return err
	}
	defer os.Remove(sent)
	return s.awaitTask(withFile(path, sent))
}

func exportRelease(s *session) error {
	name, version, err := slug(s.arguments.word(0), "NAME/VERSION")
	if err != nil {
		return err
	}
	os, osVersion, err := slug(s.arguments.word(1), "OS/VERSION")
	if err != nil {
		return err
	}
	jobs := []map[string]string{}
	for _, job := range s.arguments.all("job") {
		jobs = append(jobs, map[string]string{"name": job})
	}
	_, result, err := s.runTask(withJSON(http.MethodPost, "/releases/export", map[string]any{"deployment_name": s.deployment(),
		"release_name": name, "release_version": version, "stemcell_os": os, "stemcell_version": osVersion, "sha2": false, "jobs": jobs}))
	if err != nil {
		return err
	}
	var made struct {
		BlobstoreID string `json:"blobstore_id"`
		SHA1        string
	}
	if err := json.Unmarshal(result, &made); err != nil {
		return fmt.Errorf("Unmarshaling export release result '%s': %w", result, err)
	}
	return s.download(made.BlobstoreID, made.SHA1, strings.Join([]string{name, version, os, osVersion}, "-"), s.arguments.value("dir"))
}

// download keeps a blob as FOLDER/PREFIX-TIME.tgz and checks its digest where one is known.
func (s *session) download(blob, digest, prefix, folder string) error {
	if blob == "" {
		return errors.New("expected non-empty blob ID")
	}
	content, err := s.director.read(request{method: http.MethodGet, path: "/resources/" + blob})
	if err != nil {
		return err
	}
	if err := checkDigest(content, digest); err != nil {
		return err
	}
	if folder == "" {
		folder = "."
	}
	target := filepath.Join(folder, fmt.Sprintf("%s-%s.tgz", prefix, time.Now().UTC().Format("20060102-150405.000000000")))
	if err := os.WriteFile(target, content, 0o644); err != nil {
		return err
	}
	s.out.line("Downloading resource '%s' to '%s'...", blob, target)
	return nil
}

func deleteRelease(s *session) error {
	name, version, _ := strings.Cut(s.arguments.word(0), "/")
	if err := s.confirm(); err != nil {
		return err
	}
	err := s.awaitTask(request{method: http.MethodDelete, path: query("/releases/"+name, "version", version, "force", s.given("force"))})
	if err == nil {
		return nil
	}
	found, listErr := s.listReleases()
	if listErr != nil {
		return err
	}
	for _, series := range found {
		for _, each := range series.Versions {
			if series.Name == name && (version == "" || version == each.Version) {
				return err
			}
		}
	}
	return nil
}
