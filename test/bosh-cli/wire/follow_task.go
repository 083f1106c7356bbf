package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

type taskState struct {
	ID    int
	State string
}

func (t taskState) running() bool {
	return t.State == "queued" || t.State == "processing" || t.State == "cancelling"
}

// A reporter is told of a task's output as it comes.
type reporter interface {
	started(id int)
	chunk(id int, text []byte) error
	finished(id int, state string)
}

// runTask sends what makes a task, follows it to its end and returns its result.
func (s *session) runTask(wanted request) (int, []byte, error) {
	var task taskState
	if err := s.director.decode(wanted, &task); err != nil {
		return 0, nil, err
	}
	if err := s.director.followTask(task.ID, "event", &eventReporter{out: s.out}); err != nil {
		return task.ID, nil, err
	}
	result, err := s.director.read(request{method: http.MethodGet, path: fmt.Sprintf("/tasks/%d/output?type=result", task.ID)})
	return task.ID, result, err
}

// awaitTask is runTask for those whose result nobody reads.
func (s *session) awaitTask(wanted request) error {
	_, _, err := s.runTask(wanted)
	return err
}

// followTask polls state first and output after it: so the output of a finished task is complete.
func (c *client) followTask(id int, kind string, to reporter) error {
	to.started(id)
	var task taskState
	offset := 0
	for {
		if err := c.get(fmt.Sprintf("/tasks/%d", id), &task); err != nil {
			return fmt.Errorf("Getting task state: %w", err)
		}
		read, err := c.outputChunk(id, kind, offset, to)
		if err != nil {
			return fmt.Errorf("Getting task output: %w", err)
		}
		offset += read
		if !task.running() {
			break
		}
		time.Sleep(c.pollPause)
	}
	to.finished(id, task.State)
	if task.State != "done" {
		return fmt.Errorf("Expected task '%d' to succeed but state is '%s'", id, task.State)
	}
	return nil
}

// outputChunk asks for what is new. The CLI would show lines twice where a director ignores Range; here it is an error.
func (c *client) outputChunk(id int, kind string, offset int, to reporter) (int, error) {
	response, err := c.do(request{method: http.MethodGet, path: fmt.Sprintf("/tasks/%d/output?type=%s", id, kind),
		headers: map[string]string{"Range": fmt.Sprintf("bytes=%d-", offset)}})
	if hasStatus(err, http.StatusRequestedRangeNotSatisfiable) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return 0, err
	}
	if response.StatusCode == http.StatusOK && offset > 0 && len(text) > 0 {
		return 0, fmt.Errorf("output of task %d from byte %d on: the director ignored Range", id, offset)
	}
	from := fmt.Sprintf("bytes %d-", offset)
	if told := response.Header.Get("Content-Range"); response.StatusCode == http.StatusPartialContent && !strings.HasPrefix(told, from) {
		return 0, fmt.Errorf("output of task %d: Content-Range is '%s', expected '%s…'", id, told, from)
	}
	if len(text) > 0 {
		if err := to.chunk(id, text); err != nil {
			return 0, err
		}
	}
	return len(text), nil
}

// plainReporter shows output as it is.
type plainReporter struct{ out *output }

func (r *plainReporter) started(id int) { r.out.line("Task %d", id) }
func (r *plainReporter) chunk(_ int, text []byte) error {
	r.out.block(string(text))
	return nil
}
func (r *plainReporter) finished(id int, state string) { r.out.line("\nTask %d %s\n", id, state) }

// An event is a line of a task's event output.
type event struct {
	Time     int64 `json:"time"`
	Type     string
	Message  string
	State    string
	Stage    string
	Task     string
	Tags     []string
	Total    int
	Index    int
	Progress int
	Data     struct{ Error, Status string }
	Error    *struct {
		Code    int
		Message string
	}
}

type eventReporter struct {
	out  *output
	rest string
}

func (r *eventReporter) started(id int) { r.out.line("Task %d", id) }

// chunk shows whole lines and keeps the rest. A line that is no event ends the run: the CLI panics there.
func (r *eventReporter) chunk(id int, text []byte) error {
	r.rest += string(text)
	for {
		line, rest, whole := strings.Cut(r.rest, "\n")
		if !whole {
			return nil
		}
		r.rest = rest
		if line == "" {
			continue
		}
		var e event
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			return fmt.Errorf("task %d: event line '%s': %w", id, line, err)
		}
		r.show(id, e)
	}
}

func (r *eventReporter) show(id int, e event) {
	what := e.Stage
	if len(e.Tags) > 0 {
		what += " " + strings.Join(e.Tags, ", ")
	}
	prefix := fmt.Sprintf("\nTask %d | %s | ", id, time.Unix(e.Time, 0).UTC().Format("15:04:05"))
	switch {
	case e.Type == "deprecation":
		r.out.block(prefix + "Deprecation: " + e.Message)
	case e.Type == "warning":
		r.out.block(prefix + "Warning: " + e.Message)
	case e.State == "started":
		r.out.block(prefix)
		r.out.block(what + ": " + e.Task)
	case e.State == "failed":
		r.out.block(prefix + what + ": " + e.Task)
		r.out.block("L Error: " + e.Data.Error)
	case e.Error != nil:
		r.out.block(prefix)
		r.out.block("Error: " + e.Error.Message)
	}
}

func (r *eventReporter) finished(id int, state string) { r.out.line("\nTask %d %s\n", id, state) }
