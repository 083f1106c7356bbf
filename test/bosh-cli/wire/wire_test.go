package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// A fake director answers by "METHOD /path" and writes down what it was sent.
type fake struct {
	*httptest.Server
	answers     map[string]http.HandlerFunc
	seen        []*http.Request
	connections int
}

func newFake(t *testing.T) *fake {
	f := &fake{answers: map[string]http.HandlerFunc{}}
	f.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f.seen = append(f.seen, r)
		answer, known := f.answers[r.Method+" "+r.URL.Path]
		if !known {
			http.NotFound(w, r)
			return
		}
		answer(w, r)
	}))
	f.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			f.connections++
		}
	}
	f.StartTLS()
	t.Cleanup(f.Close)
	f.says("GET /info", `{"name":"fake","uuid":"u","version":"1 (0)","user":null,"user_authentication":{"type":"basic","options":{}},"features":{}}`)
	return f
}

func (f *fake) says(route, body string) { f.answers[route] = status(http.StatusOK, body) }

func status(code int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(code)
		io.WriteString(w, body)
	}
}

// finishes makes what redirects to task 7, which has ended with these outputs.
func (f *fake) finishes(route, events, result string) {
	f.answers[route] = func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Location", "/tasks/7")
		w.WriteHeader(http.StatusFound)
	}
	f.says("GET /tasks/7", `{"id":7,"state":"done","description":"","timestamp":1,"started_at":1,"result":null,"user":"admin","deployment":"d","context_id":""}`)
	f.answers["GET /tasks/7/output"] = func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("type") == "result" {
			io.WriteString(w, result)
			return
		}
		http.ServeContent(w, r, "", time.Time{}, strings.NewReader(events))
	}
}

// says what a run printed, and its exit status.
func (f *fake) run(words ...string) (int, output) {
	authority := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: f.Certificate().Raw})
	environment := map[string]string{"BOSH_ENVIRONMENT": f.URL, "BOSH_CA_CERT": string(authority), "BOSH_CLIENT": "admin",
		"BOSH_CLIENT_SECRET": "secret", "BOSH_NON_INTERACTIVE": "true", "BOSH_DEPLOYMENT": "d"}
	var printed bytes.Buffer
	code := run(append(words, "--json"), func(name string) string { return environment[name] }, &printed)
	var out output
	if err := json.Unmarshal(printed.Bytes(), &out); err != nil {
		panic(err)
	}
	return code, out
}

func (f *fake) client(t *testing.T) *client {
	c, err := newClient(f.URL, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: f.Certificate().Raw})))
	if err != nil {
		t.Fatal(err)
	}
	c = c.as("admin", "secret")
	c.retryPause, c.pollPause = time.Millisecond, time.Millisecond
	return c
}

func mustFail(t *testing.T, code int, out output, because string) {
	t.Helper()
	if said := strings.Join(out.Lines, "\n"); code != 1 || !strings.Contains(said, because) {
		t.Fatalf("exit status %d, expected 1 because of %q; it said:\n%s", code, because, said)
	}
}

func mustSucceed(t *testing.T, code int, out output) {
	t.Helper()
	if code != 0 {
		t.Fatalf("exit status %d; it said:\n%s", code, strings.Join(out.Lines, "\n"))
	}
}

func TestInfoIsAskedForWithoutCredentialsFirst(t *testing.T) {
	f := newFake(t)
	code, out := f.run("env")
	mustSucceed(t, code, out)
	if len(f.seen) != 2 || f.seen[0].Header.Get("Authorization") != "" || f.seen[1].Header.Get("Authorization") == "" {
		t.Fatalf("%d requests; Authorization of the first: %q", len(f.seen), f.seen[0].Header.Get("Authorization"))
	}
	if f.connections != 2 {
		t.Fatalf("%d connections for 2 requests", f.connections)
	}
	if row := out.Tables[0].Rows[0]; row["name"] != "fake" || row["user"] != "(not logged in)" {
		t.Fatalf("table says %v", row)
	}
}

func TestALogInFailsWhereTheDirectorNamesNoUser(t *testing.T) {
	code, out := newFake(t).run("log-in")
	mustFail(t, code, out, "check your credentials")
}

func TestANumberWhereTheCLIHasAStringFails(t *testing.T) {
	f := newFake(t)
	f.says("GET /releases", `[{"name":"r","release_versions":[{"version":1,"currently_deployed":false}]}]`)
	code, out := f.run("releases")
	mustFail(t, code, out, "cannot unmarshal number")
}

func TestVitalsThatAreNumbersFail(t *testing.T) {
	f := newFake(t)
	f.finishes("GET /deployments/d/instances", "", `{"job_name":"g","id":"1","vitals":{"cpu":{"sys":0.5}}}`+"\n")
	code, out := f.run("instances", "--vitals")
	mustFail(t, code, out, "cannot unmarshal number")
}

func TestAProcessWhoseNumbersAreStringsFails(t *testing.T) {
	f := newFake(t)
	f.finishes("GET /deployments/d/instances", "", `{"job_name":"g","id":"1","processes":[{"name":"p","mem":{"kb":"12"}}]}`+"\n")
	code, out := f.run("instances", "--ps")
	mustFail(t, code, out, "cannot unmarshal string")
}

func TestAnIdOfAnEventThatIsANumberFails(t *testing.T) {
	f := newFake(t)
	f.says("GET /events", `[{"id":1,"timestamp":2}]`)
	code, out := f.run("events")
	mustFail(t, code, out, "cannot unmarshal number")
}

func TestOneVersionThatIsNoneFailsTheWholeListing(t *testing.T) {
	f := newFake(t)
	f.says("GET /stemcells", `[{"name":"a","version":"1.2+dev.3"},{"name":"b","version":"1..2"}]`)
	code, out := f.run("stemcells")
	mustFail(t, code, out, "1..2")
}

func TestADiffWithAConfigThatIsNotThereFailsAndOneWithoutTheRouteIsEmpty(t *testing.T) {
	f := newFake(t)
	f.answers["POST /configs/diff"] = status(http.StatusNotFound, `{"code":440012,"description":"Config with ID '7' not found."}`)
	code, out := f.run("diff-config", "--from-id", "7", "--to-id", "8")
	mustFail(t, code, out, "Config with ID '7' not found.")
	delete(f.answers, "POST /configs/diff")
	code, out = f.run("diff-config", "--from-id", "7", "--to-id", "8")
	mustSucceed(t, code, out)
}

func TestATimeInAnotherFormFails(t *testing.T) {
	f := newFake(t)
	f.says("GET /disks", `[{"disk_cid":"c","size":1,"orphaned_at":"1700000000"}]`)
	code, out := f.run("disks", "--orphaned")
	mustFail(t, code, out, "1700000000")
}

func TestAnEventLineThatIsNoJSONFails(t *testing.T) {
	f := newFake(t)
	f.finishes("GET /deployments/d/vms", `{"time":1,"stage":"A","task":"b","state":"started"}`+"\nnot json\n", "")
	code, out := f.run("vms")
	mustFail(t, code, out, "event line 'not json'")
}

func TestATimeOfAnEventWithAFractionFails(t *testing.T) {
	f := newFake(t)
	f.finishes("GET /deployments/d/vms", `{"time":1.5,"stage":"A","task":"b","state":"started"}`+"\n", "")
	code, out := f.run("vms")
	mustFail(t, code, out, "event line")
}

func TestATaskThatEndsInErrorFails(t *testing.T) {
	f := newFake(t)
	f.finishes("GET /deployments/d/vms", "", "")
	f.says("GET /tasks/7", `{"id":7,"state":"error"}`)
	code, out := f.run("vms")
	mustFail(t, code, out, "Expected task '7' to succeed but state is 'error'")
}

func TestAStatusThatTheCLIDoesNotKnowFailsWithTheBody(t *testing.T) {
	f := newFake(t)
	f.answers["GET /locks"] = status(http.StatusAccepted, "later")
	code, out := f.run("locks")
	mustFail(t, code, out, "'202' response 'later'")
}

// outputs gives one answer after the other for the task's output; its state is done with the last.
func (f *fake) outputs(answers ...http.HandlerFunc) {
	at := 0
	f.answers["GET /tasks/7"] = func(w http.ResponseWriter, _ *http.Request) {
		state := "processing"
		if at >= len(answers)-1 {
			state = "done"
		}
		fmt.Fprintf(w, `{"id":7,"state":"%s"}`, state)
	}
	f.answers["GET /tasks/7/output"] = func(w http.ResponseWriter, r *http.Request) {
		answers[at](w, r)
		at++
	}
}

func partial(contentRange, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Range", contentRange)
		w.WriteHeader(http.StatusPartialContent)
		io.WriteString(w, body)
	}
}

func (f *fake) follow(t *testing.T) (string, error) {
	out := &output{}
	err := f.client(t).followTask(7, "debug", &plainReporter{out})
	return strings.Join(out.Blocks, ""), err
}

func TestOutputIsFollowedByRanges(t *testing.T) {
	f := newFake(t)
	f.outputs(status(http.StatusNoContent, ""), partial("bytes 0-2/3", "ab\n"), status(http.StatusRequestedRangeNotSatisfiable, ""),
		partial("bytes 3-5/6", "cd\n"))
	text, err := f.follow(t)
	if err != nil || text != "ab\ncd\n" {
		t.Fatalf("text %q, error %v", text, err)
	}
	var ranges []string
	for _, r := range f.seen {
		if asked := r.Header.Get("Range"); asked != "" {
			ranges = append(ranges, asked)
		}
	}
	if got := strings.Join(ranges, " "); got != "bytes=0- bytes=0- bytes=3- bytes=3-" {
		t.Fatalf("asked for %s", got)
	}
}

func TestADirectorThatIgnoresRangeFails(t *testing.T) {
	f := newFake(t)
	f.outputs(status(http.StatusOK, "ab\n"), status(http.StatusOK, "ab\ncd\n"))
	if _, err := f.follow(t); err == nil || !strings.Contains(err.Error(), "ignored Range") {
		t.Fatalf("error %v", err)
	}
}

func TestAPartThatWasNotAskedForFails(t *testing.T) {
	f := newFake(t)
	f.outputs(partial("bytes 0-2/6", "ab\n"), partial("bytes 0-5/6", "ab\ncd\n"))
	if _, err := f.follow(t); err == nil || !strings.Contains(err.Error(), "Content-Range") {
		t.Fatalf("error %v", err)
	}
}

func TestAGatewaysErrorIsAskedAgainOnlyWithGet(t *testing.T) {
	f := newFake(t)
	tries := 0
	f.answers["GET /locks"] = func(w http.ResponseWriter, _ *http.Request) {
		if tries++; tries < attempts {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		io.WriteString(w, "[]")
	}
	var found []string
	if err := f.client(t).get("/locks", &found); err != nil || tries != attempts {
		t.Fatalf("%d tries, error %v", tries, err)
	}
	f.answers["POST /configs"] = status(http.StatusServiceUnavailable, "")
	f.seen = nil
	_, err := f.client(t).read(withJSON(http.MethodPost, "/configs", 1))
	if len(f.seen) != 1 || !hasStatus(err, http.StatusServiceUnavailable) {
		t.Fatalf("%d requests, error %v", len(f.seen), err)
	}
}

func TestABrokenConnectionIsTriedAgainEvenWithPost(t *testing.T) {
	f := newFake(t)
	tries := 0
	f.answers["POST /configs"] = func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if tries++; string(body) != `"again"` {
			t.Errorf("try %d sent %q", tries, body)
		}
		connection, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		connection.Close()
	}
	_, err := f.client(t).read(withJSON(http.MethodPost, "/configs", "again"))
	if err == nil || tries != attempts {
		t.Fatalf("%d tries, error %v", tries, err)
	}
}

func TestARedirectIsFollowedAsGetToTheSameHostWithAuthorizationAlone(t *testing.T) {
	f := newFake(t)
	f.answers["PUT /here"] = func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Location", "https://elsewhere.invalid/there")
		w.WriteHeader(http.StatusFound)
	}
	f.says("GET /there", "{}")
	if _, err := f.client(t).read(withYAML(http.MethodPut, "/here", []byte("a: 1"))); err != nil {
		t.Fatal(err)
	}
	last := f.seen[len(f.seen)-1]
	if last.Header.Get("Authorization") == "" || last.Header.Get("Content-Type") != "" || last.ContentLength != 0 {
		t.Fatalf("the second request had %v and %d bytes", last.Header, last.ContentLength)
	}
}

func TestPackagesThatTheDirectorHasDoNotTravel(t *testing.T) {
	f := newFake(t)
	f.says("GET /releases", "[]")
	f.says("POST /packages/matches", `["fp-old"]`)
	var names []string
	f.finishes("POST /releases", "", "")
	redirect := f.answers["POST /releases"]
	f.answers["POST /releases"] = func(w http.ResponseWriter, r *http.Request) {
		unpacked, err := gzip.NewReader(r.Body)
		if err != nil {
			t.Error(err)
			return
		}
		for members := tar.NewReader(unpacked); ; {
			header, err := members.Next()
			if err != nil {
				break
			}
			names = append(names, header.Name)
		}
		redirect(w, r)
	}
	tarball := filepath.Join(t.TempDir(), "release.tgz")
	var packed bytes.Buffer
	zip := gzip.NewWriter(&packed)
	members := tar.NewWriter(zip)
	manifest := "name: r\nversion: '1'\npackages:\n- {name: old, fingerprint: fp-old}\n- {name: new, fingerprint: fp-new}\n"
	for _, file := range [][2]string{{"release.MF", manifest}, {"packages/old.tgz", "o"}, {"packages/new.tgz", "n"}} {
		members.WriteHeader(&tar.Header{Name: file[0], Mode: 0o644, Size: int64(len(file[1]))})
		io.WriteString(members, file[1])
	}
	members.Close()
	zip.Close()
	if err := os.WriteFile(tarball, packed.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	code, out := f.run("upload-release", tarball)
	mustSucceed(t, code, out)
	if got := strings.Join(names, " "); got != "release.MF packages/new.tgz" {
		t.Fatalf("sent %s", got)
	}
}

func TestADownloadWithAnotherDigestFails(t *testing.T) {
	f := newFake(t)
	f.finishes("POST /releases/export", "", `{"blobstore_id":"b","sha1":"sha256:00"}`)
	f.says("GET /resources/b", "content")
	code, out := f.run("export-release", "r/1", "os/1", "--dir", t.TempDir())
	mustFail(t, code, out, "expected sha256 digest '00'")
}

func TestAFlagThatTheCommandDoesNotHaveFails(t *testing.T) {
	f := newFake(t)
	code, out := f.run("stemcells", "--fix")
	mustFail(t, code, out, "unknown flag '--fix'")
	if len(f.seen) != 0 {
		t.Fatalf("%d requests", len(f.seen))
	}
}

func TestAnOptionalValueIsAttachedOrLeftOut(t *testing.T) {
	f := newFake(t)
	f.says("GET /tasks", "[]")
	for _, given := range [][2]string{{"--recent", "30"}, {"--recent=5", "5"}, {"-r=7", "7"}} {
		code, out := f.run("tasks", given[0])
		mustSucceed(t, code, out)
		if limit := f.seen[len(f.seen)-1].URL.Query().Get("limit"); limit != given[1] {
			t.Fatalf("%s asks for %s tasks", given[0], limit)
		}
	}
}
