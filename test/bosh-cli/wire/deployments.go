package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"sort"
	"strings"
)

type named struct{ Name, Version string }

type deployment struct {
	Name      string
	Manifest  string
	Releases  []named
	Stemcells []named
	Teams     []string
	// With a listing that leaves configs out this may be missing.
	CloudConfig string `json:"cloud_config"`
}

func (s *session) listDeployments() ([]deployment, error) {
	var found []deployment
	return found, s.director.get("/deployments?exclude_configs=true", &found)
}

func joined(of []named) (string, error) {
	var texts []string
	for _, each := range of {
		if err := checkVersion("'"+each.Name+"'", each.Version); err != nil {
			return "", err
		}
		texts = append(texts, each.Name+"/"+each.Version)
	}
	return strings.Join(texts, "\n"), nil
}

func deployments(s *session) error {
	found, err := s.listDeployments()
	if err != nil {
		return err
	}
	sort.SliceStable(found, func(a, b int) bool { return found[a].Name < found[b].Name })
	shown := table{content: "deployments", titles: []string{"Name", "Release(s)", "Stemcell(s)", "Team(s)"}}
	for _, each := range found {
		releases, err := joined(each.Releases)
		if err != nil {
			return err
		}
		stemcells, err := joined(each.Stemcells)
		if err != nil {
			return err
		}
		shown.add(each.Name, releases, stemcells, strings.Join(each.Teams, "\n"))
	}
	s.out.table(shown)
	return nil
}

func manifest(s *session) error {
	var found deployment
	if err := s.director.get("/deployments/"+s.deployment(), &found); err != nil {
		return err
	}
	s.out.block(found.Manifest)
	return nil
}

// deploymentRelease is a release of a manifest. One with a URL is uploaded before the deploy.
type deploymentRelease struct {
	Name    string
	Version any
	URL     string
	SHA1    string
}

func deploy(s *session) error {
	content, err := os.ReadFile(s.arguments.word(0))
	if err != nil {
		return err
	}
	var wanted struct {
		Name     string
		Releases []deploymentRelease
	}
	if err := readYAML(content, &wanted); err != nil {
		return fmt.Errorf("Parsing manifest: %w", err)
	}
	if wanted.Name != s.deployment() {
		return fmt.Errorf("Expected manifest to specify deployment name '%s' but was '%s'", s.deployment(), wanted.Name)
	}
	var defaults []config // the CLI takes default flags from it and ignores whatever goes wrong
	_ = s.director.get("/configs?latest=true&limit=1&type=deploy", &defaults)
	for _, release := range wanted.Releases {
		if err := s.uploadReleaseOf(release); err != nil {
			return err
		}
	}
	context, err := s.diffManifest(content)
	if err != nil {
		return err
	}
	if err := s.confirm(); err != nil {
		return err
	}
	return s.awaitTask(withYAML(http.MethodPost, query("/deployments", "recreate", s.given("recreate"),
		"recreate_persistent_disks", s.given("recreate-persistent-disks"), "fix", s.given("fix"),
		"skip_drain", s.skippedDrains(), "canaries", s.arguments.value("canaries"), "max_in_flight", s.arguments.value("max-in-flight"),
		"dry_run", s.given("dry-run"), "force_latest_variables", s.given("force-latest-variables"), "context", context), content))
}

func (s *session) skippedDrains() string { return strings.Join(s.arguments.all("skip-drain"), ",") }

func (s *session) uploadReleaseOf(release deploymentRelease) error {
	if release.URL == "" {
		return nil
	}
	if !isRemote(release.URL) {
		return fmt.Errorf("release '%s': this stand-in takes http and https URLs only, not '%s'", release.Name, release.URL)
	}
	version := fmt.Sprint(release.Version)
	there, err := s.hasRelease(release.Name, version)
	if err != nil {
		return err
	}
	if there {
		s.out.line("Release '%s/%s' already exists.", release.Name, version)
		return nil
	}
	return s.awaitTask(withJSON(http.MethodPost, "/releases", remote(release.URL, release.SHA1)))
}

// diffManifest shows the difference and returns the context that pins the configs which were shown.
func (s *session) diffManifest(content []byte) (string, error) {
	redact := "true"
	if s.arguments.has("no-redact") {
		redact = "false"
	}
	var answer struct {
		Context map[string]any
		Diff    [][]any
		Error   string
	}
	path := "/deployments/" + s.deployment() + "/diff?redact=" + redact
	if err := s.director.decode(withYAML(http.MethodPost, path, content), &answer); err != nil {
		return "", fmt.Errorf("Diffing manifest: %w", err)
	}
	if answer.Error != "" {
		s.out.line("Unable to diff manifest: %s", answer.Error)
	}
	if err := s.out.showDiff(answer.Diff); err != nil {
		return "", err
	}
	if len(answer.Context) == 0 {
		return "", nil
	}
	context, err := json.Marshal(answer.Context)
	return string(context), err
}

func deleteDeployment(s *session) error {
	if err := s.confirm(); err != nil {
		return err
	}
	err := s.awaitTask(request{method: http.MethodDelete, path: query("/deployments/"+s.deployment(), "force", s.given("force"))})
	if err == nil {
		return nil
	}
	found, listErr := s.listDeployments()
	if listErr != nil {
		return err
	}
	for _, each := range found {
		if each.Name == s.deployment() {
			return err
		}
	}
	return nil
}

func variables(s *session) error {
	var found []struct{ ID, Name string }
	if err := s.director.get("/deployments/"+s.deployment()+"/variables", &found); err != nil {
		return err
	}
	sort.SliceStable(found, func(a, b int) bool { return found[a].Name < found[b].Name })
	shown := table{content: "variables", titles: []string{"ID", "Name"}}
	for _, each := range found {
		shown.add(each.ID, each.Name)
	}
	s.out.table(shown)
	return nil
}

// A target is all instances, those of a group, or one: "", GROUP or GROUP/ID.
func (s *session) target() (group, id string) {
	group, id, _ = strings.Cut(s.arguments.word(0), "/")
	return group, id
}

// changeState is start, stop, restart and recreate, in both modes.
func changeState(s *session) error {
	if err := s.confirm(); err != nil {
		return err
	}
	verb := s.arguments.value("command name")
	if s.arguments.has("no-converge") {
		return s.changeOne(verb)
	}
	state := map[string]string{"start": "started", "stop": "stopped", "restart": "restart", "recreate": "recreate"}[verb]
	if verb == "stop" && s.arguments.has("hard") {
		state = "detached"
	}
	group, id := s.target()
	path := "/deployments/" + s.deployment() + "/jobs/"
	switch {
	case group == "":
		path += "*"
	case id == "":
		path += group
	default:
		path += group + "/" + id
	}
	return s.awaitTask(withYAML(http.MethodPut, query(path, "state", state, "skip_drain", s.given("skip-drain"), "fix", s.given("fix"),
		"dry_run", s.given("dry-run"), "canaries", s.arguments.value("canaries"), "max_in_flight", s.arguments.value("max-in-flight")), nil))
}

func (s *session) changeOne(verb string) error {
	group, id := s.target()
	if id == "" {
		return fmt.Errorf("--no-converge needs one instance: GROUP/ID")
	}
	path := fmt.Sprintf("/deployments/%s/instance_groups/%s/%s/actions/%s", s.deployment(), group, id, verb)
	return s.awaitTask(withJSON(http.MethodPost, query(path, "skip_drain", s.given("skip-drain"), "hard", s.given("hard"),
		"ignore_unresponsive_agent", s.given("fix")), map[string]string{}))
}

func ignore(ignored bool) func(*session) error {
	return func(s *session) error {
		group, id, err := slug(s.arguments.word(0), "GROUP/ID")
		if err != nil {
			return err
		}
		path := fmt.Sprintf("/deployments/%s/instance_groups/%s/%s/ignore", s.deployment(), group, id)
		_, err = s.director.read(withJSON(http.MethodPut, path, map[string]bool{"ignore": ignored}))
		return err
	}
}

func updateResurrection(s *session) error {
	enabled, known := map[string]bool{"on": true, "off": false}[s.arguments.word(0)]
	if !known {
		return fmt.Errorf("'%s': expected on or off", s.arguments.word(0))
	}
	_, err := s.director.read(withJSON(http.MethodPut, "/resurrection", map[string]bool{"resurrection_paused": !enabled}))
	return err
}

// escape is for ids of others in paths: a disk's may hold anything.
func escape(id string) string { return url.PathEscape(id) }
