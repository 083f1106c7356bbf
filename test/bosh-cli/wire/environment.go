package main

import (
	"fmt"
	"sort"
	"strings"
)

type directorInfo struct {
	Name, UUID, Version string
	User                string
	Auth                struct {
		Type    string
		Options map[string]any
	} `json:"user_authentication"`
	Features        map[string]struct{ Status bool }
	CPI             string
	StemcellOS      string `json:"stemcell_os"`
	StemcellVersion string `json:"stemcell_version"`
}

func (c *client) info() (directorInfo, error) {
	var info directorInfo
	if err := c.get("/info", &info); err != nil {
		return info, fmt.Errorf("Fetching info: %w", err)
	}
	return info, nil
}

func environment(s *session) error {
	info, err := s.director.info()
	if err != nil {
		return err
	}
	var features []string
	for name, feature := range info.Features {
		features = append(features, fmt.Sprintf("%s: %s", name, map[bool]string{true: "enabled", false: "disabled"}[feature.Status]))
	}
	sort.Strings(features)
	user := info.User
	if user == "" {
		user = "(not logged in)"
	}
	shown := table{titles: []string{"Name", "UUID", "Version", "CPI", "Features", "User"}}
	shown.add(info.Name, info.UUID, info.Version, info.CPI, strings.Join(features, "\n"), user)
	s.out.table(shown)
	if s.arguments.has("details") {
		return s.certificates()
	}
	return nil
}

func (s *session) certificates() error {
	var found []struct {
		Path     string `json:"certificate_path"`
		Expiry   string `json:"expiry"`
		DaysLeft int    `json:"days_left"`
	}
	if err := s.director.get("/director/certificate_expiry", &found); err != nil {
		return err
	}
	shown := table{content: "Certificates", titles: []string{"Certificate", "Expiry date (UTC)", "Days left"}}
	for _, certificate := range found {
		if _, err := parseTime(certificate.Expiry); err != nil {
			return err
		}
		shown.add(certificate.Path, certificate.Expiry, fmt.Sprint(certificate.DaysLeft))
	}
	s.out.table(shown)
	return nil
}

// logIn succeeds if the director names a user. The CLI keeps the credentials in a file, which is its own affair.
func logIn(s *session) error {
	info, err := s.director.info()
	if err != nil {
		return err
	}
	if info.User == "" {
		s.out.line("Failed to authenticate with '%s'", s.arguments.value("environment"))
		return fmt.Errorf("Please check your credentials")
	}
	s.out.line("Successfully authenticated with '%s'", s.arguments.value("environment"))
	return nil
}
