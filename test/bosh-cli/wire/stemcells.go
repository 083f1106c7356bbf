package main

import (
	"fmt"
	"net/http"
	"sort"
	"strconv"
	"strings"
)

type stemcell struct {
	Name, Version   string
	OperatingSystem string `json:"operating_system"`
	CID, CPI        string
	Deployments     []any
}

func (s *session) listStemcells() ([]stemcell, error) {
	var found []stemcell
	if err := s.director.get("/stemcells", &found); err != nil {
		return nil, err
	}
	for _, each := range found {
		if err := checkVersion("stemcell '"+each.Name+"'", each.Version); err != nil {
			return nil, err
		}
	}
	return found, nil
}

func stemcells(s *session) error {
	found, err := s.listStemcells()
	if err != nil {
		return err
	}
	sort.SliceStable(found, func(a, b int) bool {
		if found[a].Name != found[b].Name {
			return found[a].Name < found[b].Name
		}
		return newer(found[a].Version, found[b].Version)
	})
	shown := table{content: "stemcells", titles: []string{"Name", "Version", "OS", "CPI", "CID"}, notes: []string{"(*) Currently deployed"}}
	for _, each := range found {
		mark := ""
		if len(each.Deployments) > 0 {
			mark = "*"
		}
		shown.add(each.Name, each.Version+mark, each.OperatingSystem, each.CPI, each.CID)
	}
	s.out.table(shown)
	return nil
}

func isRemote(location string) bool {
	return strings.HasPrefix(location, "http://") || strings.HasPrefix(location, "https://")
}

func uploadStemcell(s *session) error {
	location := strings.TrimPrefix(s.arguments.word(0), "file://")
	name, version := s.arguments.value("name"), s.arguments.value("version")
	if !isRemote(location) {
		content, err := memberOf(location, "stemcell.MF")
		if err != nil {
			return err
		}
		var manifest struct {
			Name    string
			Version any
		}
		if err := readYAML(content, &manifest); err != nil {
			return err
		}
		name, version = manifest.Name, fmt.Sprint(manifest.Version)
	}
	fix := s.arguments.has("fix")
	if !fix {
		var answer struct{ Needed bool }
		asked := map[string]map[string]string{"stemcell": {"name": name, "version": version}}
		if err := s.director.decode(withJSON(http.MethodPost, "/stemcell_uploads", asked), &answer); err != nil {
			return err
		}
		if !answer.Needed {
			s.out.line("Stemcell '%s/%s' already exists.", name, version)
			return nil
		}
	}
	path := query("/stemcells", "fix", s.given("fix"))
	if !isRemote(location) {
		return s.awaitTask(withFile(path, location))
	}
	return s.awaitTask(withJSON(http.MethodPost, path, remote(location, s.arguments.value("sha1"))))
}

func remote(location, digest string) map[string]string {
	body := map[string]string{"location": location}
	if digest != "" {
		body["sha1"] = digest
	}
	return body
}

func deleteStemcell(s *session) error {
	name, version, err := slug(s.arguments.word(0), "NAME/VERSION")
	if err != nil {
		return err
	}
	if err := s.confirm(); err != nil {
		return err
	}
	err = s.awaitTask(request{method: http.MethodDelete, path: query("/stemcells/"+name+"/"+version, "force", s.given("force"))})
	if err == nil {
		return nil
	}
	// Whatever the error: what is gone is deleted.
	found, listErr := s.listStemcells()
	if listErr != nil {
		return err
	}
	for _, each := range found {
		if each.Name == name && each.Version == version {
			return err
		}
	}
	return nil
}

// given is a flag's value in a query: "true", or "" to leave it out.
func (s *session) given(name string) string {
	if s.arguments.has(name) {
		return strconv.FormatBool(true)
	}
	return ""
}

func slug(text, form string) (string, string, error) {
	first, second, ok := strings.Cut(text, "/")
	if !ok || first == "" || second == "" || strings.Contains(second, "/") {
		return "", "", fmt.Errorf("'%s': expected %s", text, form)
	}
	return first, second, nil
}
