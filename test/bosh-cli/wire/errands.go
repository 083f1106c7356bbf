package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
)

func errands(s *session) error {
	var found []struct{ Name string }
	if err := s.director.get("/deployments/"+s.deployment()+"/errands", &found); err != nil {
		return err
	}
	shown := table{content: "errands", titles: []string{"Name"}}
	for _, each := range found {
		shown.add(each.Name)
	}
	s.out.table(shown)
	return nil
}

type errandRun struct {
	Instance struct{ Group, ID string }
	ExitCode int `json:"exit_code"`
	Stdout   string
	Stderr   string
	Logs     struct {
		BlobstoreID string `json:"blobstore_id"`
		SHA1        string
	}
}

func runErrand(s *session) error {
	name := s.arguments.word(0)
	chosen := []map[string]string{}
	for _, text := range s.arguments.all("instance") {
		group, id, one := strings.Cut(text, "/")
		each := map[string]string{"group": group}
		if one {
			each["id"] = id
		}
		chosen = append(chosen, each)
	}
	_, result, err := s.runTask(withJSON(http.MethodPost, "/deployments/"+s.deployment()+"/errands/"+name+"/runs", map[string]any{
		"keep-alive": s.arguments.has("keep-alive"), "when-changed": s.arguments.has("when-changed"), "instances": chosen}))
	if err != nil {
		return err
	}
	runs, err := decodeRuns(result)
	if err != nil {
		return err
	}
	failure := s.showRuns(name, runs)
	for _, run := range runs {
		if s.arguments.has("download-logs") && run.Logs.BlobstoreID != "" {
			if err := s.download(run.Logs.BlobstoreID, run.Logs.SHA1, name, s.arguments.value("logs-dir")); err != nil {
				return fmt.Errorf("Downloading errand logs: %w", err)
			}
		}
	}
	return failure
}

func decodeRuns(result []byte) ([]errandRun, error) {
	var runs []errandRun
	documents := json.NewDecoder(strings.NewReader(string(result)))
	for {
		var run errandRun
		err := documents.Decode(&run)
		if errors.Is(err, io.EOF) {
			return runs, nil
		}
		if err != nil {
			return nil, fmt.Errorf("Unmarshaling errand result: %w", err)
		}
		runs = append(runs, run)
	}
}

// showRuns returns the failure of the last run that failed.
func (s *session) showRuns(name string, runs []errandRun) error {
	var failure error
	shown := table{content: "errand(s)", titles: []string{"Instance", "Exit Code", "Stdout", "Stderr"}}
	for _, run := range runs {
		shown.add(run.Instance.Group+"/"+run.Instance.ID, strconv.Itoa(run.ExitCode), run.Stdout, run.Stderr)
		switch {
		case run.ExitCode > 128:
			failure = fmt.Errorf("Errand '%s' was canceled (exit code %d)", name, run.ExitCode)
		case run.ExitCode != 0:
			failure = fmt.Errorf("Errand '%s' completed with error (exit code %d)", name, run.ExitCode)
		}
	}
	s.out.table(shown)
	return failure
}

// logs finds the blob's id in the result of the task's record, not in its result output.
func logs(s *session) error {
	group, id := s.target()
	prefix := s.deployment()
	for _, part := range []string{group, id} {
		if part != "" {
			prefix += "." + part
		}
	}
	if group == "" {
		group = "*"
	}
	if id == "" {
		id = "*"
	}
	kinds := "job"
	switch {
	case s.arguments.has("all-logs"):
		kinds = "agent,job,system"
	case s.arguments.has("agent"):
		kinds = "agent"
	case s.arguments.has("system"):
		kinds = "system"
	}
	path := query(fmt.Sprintf("/deployments/%s/jobs/%s/%s/logs", s.deployment(), group, id), "type", kinds, "filters", s.arguments.value("only"))
	number, _, err := s.runTask(request{method: http.MethodGet, path: path})
	if err != nil {
		return err
	}
	record, err := s.director.task(number)
	if err != nil {
		return err
	}
	return s.download(record.Result, "", prefix, s.arguments.value("dir"))
}
