package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strconv"
)

type config struct {
	ID, Name, Type string
	CreatedAt      string `json:"created_at"`
	Team, Content  string
	Current        bool
}

type diffAnswer struct {
	Diff [][]any
	From map[string]string
}

// showDiff prints lines as the CLI does before it asks for confirmation.
func (o *output) showDiff(diff [][]any) error {
	for _, line := range diff {
		if len(line) != 2 {
			return fmt.Errorf("diff line %v: expected a text and what became of it", line)
		}
		text, ok := line[0].(string)
		if !ok {
			return fmt.Errorf("diff line %v: its text is no string", line)
		}
		mark := map[any]string{"added": "+ ", "removed": "- "}[line[1]]
		if mark == "" {
			mark = "  "
		}
		o.line("%s%s\n", mark, text)
	}
	return nil
}

const configNotFound = 440012

// diffOf tolerates a director without the route, as the CLI does; a config that is not there has a code of its own.
func (s *session) diffOf(wanted request) (diffAnswer, error) {
	var answer diffAnswer
	err := s.director.decode(wanted, &answer)
	var refused *refusal
	if !errors.As(err, &refused) || refused.status != http.StatusNotFound {
		return answer, err
	}
	var told struct {
		Code        int
		Description string
	}
	if json.Unmarshal([]byte(refused.body), &told) == nil && told.Code == configNotFound {
		return diffAnswer{}, errors.New(told.Description)
	}
	return diffAnswer{}, nil
}

// updateLegacyConfig sends to the routes that are older than /configs; the CLI still does.
func updateLegacyConfig(kind string) func(*session) error {
	return func(s *session) error {
		content, err := os.ReadFile(s.arguments.word(0))
		if err != nil {
			return err
		}
		path := "/" + kind + "_configs"
		named := func(path string) string {
			if kind == "cpi" {
				return path
			}
			return path + "?name=" + url.QueryEscape(s.arguments.value("name"))
		}
		diffPath := named(path + "/diff")
		if s.arguments.has("no-redact") {
			diffPath += map[bool]string{true: "?", false: "&"}[kind == "cpi"] + "redact=false"
		}
		answer, err := s.diffOf(withYAML(http.MethodPost, diffPath, content))
		if err != nil {
			return err
		}
		if err := s.out.showDiff(answer.Diff); err != nil {
			return err
		}
		if err := s.confirm(); err != nil {
			return err
		}
		_, err = s.director.read(withYAML(http.MethodPost, named(path), content))
		return err
	}
}

func showLegacyConfig(kind string) func(*session) error {
	return func(s *session) error {
		var found []struct{ Properties string }
		if err := s.director.get("/"+kind+"_configs?name="+url.QueryEscape(s.arguments.value("name"))+"&limit=1", &found); err != nil {
			return err
		}
		if len(found) == 0 {
			return fmt.Errorf("No %s config", kind)
		}
		s.out.block(found[0].Properties)
		return nil
	}
}

func configs(s *session) error {
	recent := s.arguments.value("recent")
	if recent == "" {
		recent = "1"
	}
	number, err := strconv.Atoi(recent)
	if err != nil {
		return fmt.Errorf("--recent is '%s': expected a number", recent)
	}
	var found []config
	path := query("/configs", "type", s.arguments.value("type"), "name", s.arguments.value("name"), "limit", recent,
		"latest", strconv.FormatBool(number == 1))
	if err := s.director.get(path, &found); err != nil {
		return err
	}
	shown := table{content: "configs", titles: []string{"ID", "Type", "Name", "Team", "Created At"}}
	for _, each := range found {
		mark := ""
		if each.Current {
			mark = "*"
		}
		shown.add(each.ID+mark, each.Type, each.Name, each.Team, each.CreatedAt)
	}
	s.out.table(shown)
	return nil
}

func showConfig(s *session) error {
	var found config
	if id := s.arguments.word(0); id != "" {
		if err := s.director.get("/configs/"+id, &found); err != nil {
			return err
		}
	} else {
		var list []config
		path := query("/configs", "type", s.arguments.value("type"), "name", s.arguments.value("name"), "limit", "1", "latest", "true")
		if err := s.director.get(path, &list); err != nil {
			return err
		}
		if len(list) == 0 {
			return errors.New("No config")
		}
		found = list[0]
	}
	shown := table{titles: []string{"ID", "Type", "Name", "Created At", "Content"}}
	shown.add(found.ID, found.Type, found.Name, found.CreatedAt, found.Content)
	s.out.table(shown)
	return nil
}

type configUpdate struct {
	Type             string `json:"type"`
	Name             string `json:"name"`
	Content          string `json:"content"`
	ExpectedLatestID string `json:"expected_latest_id,omitempty"`
}

func updateConfig(s *session) error {
	content, err := os.ReadFile(s.arguments.word(0))
	if err != nil {
		return err
	}
	wanted := configUpdate{s.arguments.value("type"), s.arguments.value("name"), string(content), ""}
	answer, err := s.diffOf(withJSON(http.MethodPost, "/configs/diff", wanted))
	if err != nil {
		return err
	}
	if err := s.out.showDiff(answer.Diff); err != nil {
		return err
	}
	if err := s.confirm(); err != nil {
		return err
	}
	// What was diffed against is what may be replaced.
	wanted.ExpectedLatestID = answer.From["id"]
	if given := s.arguments.value("expected-latest-id"); given != "" {
		wanted.ExpectedLatestID = given
	}
	var made config
	err = s.director.decode(withJSON(http.MethodPost, "/configs", wanted), &made)
	if hasStatus(err, http.StatusPreconditionFailed) {
		return fmt.Errorf("Config update rejected: %w", err)
	}
	if err != nil {
		return err
	}
	shown := table{titles: []string{"ID", "Type", "Name", "Created At", "Content"}}
	shown.add(made.ID, made.Type, made.Name, made.CreatedAt, made.Content)
	s.out.table(shown)
	return nil
}

func deleteConfig(s *session) error {
	if err := s.confirm(); err != nil {
		return err
	}
	path := query("/configs", "type", s.arguments.value("type"), "name", s.arguments.value("name"))
	if id := s.arguments.word(0); id != "" {
		path = "/configs/" + id
	}
	_, err := s.director.read(request{method: http.MethodDelete, path: path})
	if hasStatus(err, http.StatusNotFound) {
		s.out.line("No configs to delete: no matches found")
		return nil
	}
	return err
}

func diffConfig(s *session) error {
	from, err := s.diffSide("from")
	if err != nil {
		return err
	}
	to, err := s.diffSide("to")
	if err != nil {
		return err
	}
	answer, err := s.diffOf(withJSON(http.MethodPost, "/configs/diff", map[string]any{"from": from, "to": to}))
	if err != nil {
		return err
	}
	text := &output{}
	if err := text.showDiff(answer.Diff); err != nil {
		return err
	}
	shown := table{titles: []string{"From ID", "To ID", "Diff"}}
	joined := ""
	for _, line := range text.Lines {
		joined += line
	}
	shown.add(s.arguments.value("from-id"), s.arguments.value("to-id"), joined)
	s.out.table(shown)
	return nil
}

func (s *session) diffSide(side string) (map[string]string, error) {
	if id := s.arguments.value(side + "-id"); id != "" {
		return map[string]string{"id": id}, nil
	}
	content, err := os.ReadFile(s.arguments.value(side + "-content"))
	if err != nil {
		return nil, fmt.Errorf("--%s-id or --%s-content: %w", side, side, err)
	}
	return map[string]string{"content": string(content)}, nil
}
