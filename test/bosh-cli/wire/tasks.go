package main

import (
	"fmt"
	"net/http"
	"strconv"
)

type taskRecord struct {
	ID          int
	StartedAt   int64 `json:"started_at"`
	FinishedAt  int64 `json:"timestamp"`
	State, User string
	Deployment  string
	Description string
	Result      string
	ContextID   string `json:"context_id"`
}

func (c *client) task(id int) (taskRecord, error) {
	var record taskRecord
	return record, c.get(fmt.Sprintf("/tasks/%d", id), &record)
}

func (s *session) currentTasks(verbose string) ([]taskRecord, error) {
	var found []taskRecord
	path := query("/tasks", "state", "processing,cancelling,queued", "verbose", verbose, "deployment", s.deployment())
	return found, s.director.get(path, &found)
}

func tasks(s *session) error {
	var found []taskRecord
	var err error
	recent := s.arguments.has("recent")
	if recent {
		verbose := "1"
		if s.arguments.has("all") {
			verbose = "2"
		}
		err = s.director.get(query("/tasks", "limit", s.arguments.value("recent"), "verbose", verbose, "deployment", s.deployment()), &found)
	} else {
		found, err = s.currentTasks("2")
	}
	if err != nil {
		return err
	}
	shown := table{content: "tasks", titles: []string{"ID", "State", "Started At", "Finished At", "User", "Deployment", "Description", "Result"}}
	for _, each := range found {
		finished := "-"
		if recent {
			finished = showSeconds(each.FinishedAt)
		}
		shown.add(strconv.Itoa(each.ID), each.State, showSeconds(each.StartedAt), finished, each.User, each.Deployment, each.Description, each.Result)
	}
	s.out.table(shown)
	return nil
}

func (s *session) taskNumber() (int, error) {
	number, err := strconv.Atoi(s.arguments.word(0))
	if err != nil {
		return 0, fmt.Errorf("'%s': expected a task's number", s.arguments.word(0))
	}
	return number, nil
}

func showTask(s *session) error {
	var id int
	if s.arguments.word(0) == "" {
		running, err := s.currentTasks("1")
		if err != nil {
			return err
		}
		if len(running) == 0 {
			return fmt.Errorf("No task found")
		}
		id = running[0].ID
	} else {
		number, err := s.taskNumber()
		if err != nil {
			return err
		}
		record, err := s.director.task(number)
		if err != nil {
			return err
		}
		id = record.ID
	}
	for _, kind := range []string{"event", "cpi", "debug", "result"} {
		if s.arguments.has(kind) {
			return s.director.followTask(id, kind, &plainReporter{s.out})
		}
	}
	return s.director.followTask(id, "event", &eventReporter{out: s.out})
}

func cancelTask(s *session) error {
	number, err := s.taskNumber()
	if err != nil {
		return err
	}
	_, err = s.director.read(request{method: http.MethodDelete, path: fmt.Sprintf("/task/%d", number)})
	return err
}

func cancelTasks(s *session) error {
	wanted := map[string]any{}
	if s.deployment() != "" {
		wanted["deployment"] = s.deployment()
	}
	if types := s.arguments.all("type"); len(types) > 0 {
		wanted["types"] = types
	}
	if states := s.arguments.all("state"); len(states) > 0 {
		wanted["states"] = states
	}
	_, err := s.director.read(withJSON(http.MethodPost, "/tasks/cancel", wanted))
	return err
}
