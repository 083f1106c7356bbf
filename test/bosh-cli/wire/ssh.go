package main

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

type sshHost struct {
	Status        string
	Job, ID       string
	Index         *int
	IP            string
	HostPublicKey string `json:"host_public_key"`
	GatewayUser   string `json:"gateway_user"`
	GatewayHost   string `json:"gateway_host"`
}

func (h sshHost) name() string { return h.Job + "/" + h.ID }

// An sshVisit has a user on the target's instances for as long as it is open.
type sshVisit struct {
	session   *session
	user      string
	group, id string
	folder    string // private key and known hosts
	hosts     []sshHost
}

func (s *session) visit(group, id string) (*sshVisit, error) {
	suffix := make([]byte, 8)
	if _, err := rand.Read(suffix); err != nil {
		return nil, err
	}
	folder, err := os.MkdirTemp("", "wire-ssh-")
	if err != nil {
		return nil, err
	}
	v := &sshVisit{session: s, user: "bosh_" + hex.EncodeToString(suffix)[:15], group: group, id: id, folder: folder}
	if err := v.setUp(); err != nil {
		os.RemoveAll(folder)
		return nil, err
	}
	return v, nil
}

func (v *sshVisit) setUp() error {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return err
	}
	private := pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})
	if err := os.WriteFile(filepath.Join(v.folder, "key"), private, 0o600); err != nil {
		return err
	}
	body := v.body("setup", map[string]string{"user": v.user, "public_key": authorizedKey(&key.PublicKey)})
	_, result, err := v.session.runTask(withJSON(http.MethodPost, v.path(), body))
	if err != nil {
		return err
	}
	if err := json.Unmarshal(result, &v.hosts); err != nil {
		return fmt.Errorf("Unmarshaling SSH result '%s': %w", result, err)
	}
	if len(v.hosts) == 0 {
		return errors.New("Did not create any SSH sessions for the instances")
	}
	known := ""
	for _, host := range v.hosts {
		if host.Status != "success" {
			return fmt.Errorf("Failed to set up SSH session for one of the instances '%s'", host.name())
		}
		if host.HostPublicKey != "" {
			known += host.IP + " " + host.HostPublicKey + "\n"
		}
	}
	return os.WriteFile(filepath.Join(v.folder, "known_hosts"), []byte(known), 0o600)
}

func (v *sshVisit) path() string { return "/deployments/" + v.session.deployment() + "/ssh" }

func (v *sshVisit) body(command string, params map[string]string) map[string]any {
	target := map[string]any{"ids": []string{}, "indexes": []string{}}
	if v.group != "" {
		target["job"] = v.group
	}
	if v.id != "" {
		target["ids"], target["indexes"] = []string{v.id}, []string{v.id}
	}
	return map[string]any{"command": command, "deployment_name": v.session.deployment(), "target": target, "params": params}
}

// close does not wait for the director's clean-up, as the CLI does not.
func (v *sshVisit) close() error {
	defer os.RemoveAll(v.folder)
	_, err := v.session.director.read(withJSON(http.MethodPost, v.path(), v.body("cleanup", map[string]string{"user_regex": "^" + v.user})))
	return err
}

func (v *sshVisit) options() []string {
	return []string{"-o", "BatchMode=yes", "-o", "PasswordAuthentication=no", "-o", "IdentitiesOnly=yes", "-o", "ConnectTimeout=30",
		"-o", "IdentityFile=" + filepath.Join(v.folder, "key"), "-o", "StrictHostKeyChecking=yes",
		"-o", "UserKnownHostsFile=" + filepath.Join(v.folder, "known_hosts")}
}

// authorizedKey writes the key as sshd reads it: algorithm, exponent and modulus, each with its length before it.
func authorizedKey(key *rsa.PublicKey) string {
	var blob bytes.Buffer
	field := func(content []byte) {
		binary.Write(&blob, binary.BigEndian, uint32(len(content)))
		blob.Write(content)
	}
	exponent := make([]byte, 4)
	binary.BigEndian.PutUint32(exponent, uint32(key.E))
	field([]byte("ssh-rsa"))
	field(bytes.TrimLeft(exponent, "\x00"))
	field(append([]byte{0}, key.N.Bytes()...)) // the top bit of a modulus is set: a zero keeps it positive
	return "ssh-rsa " + base64.StdEncoding.EncodeToString(blob.Bytes())
}

func ssh(s *session) error {
	command := s.arguments.all("command")
	if len(command) == 0 {
		return errors.New("Non-interactive SSH requires non-empty command")
	}
	visit, err := s.visit(s.target())
	if err != nil {
		return err
	}
	shown := table{content: "results", titles: []string{"Instance", "Stdout", "Stderr", "Exit Code", "Error"}}
	var failure error
	for _, host := range visit.hosts {
		words := append(append(visit.options(), strings.Fields(s.arguments.value("opts"))...), host.IP, "-l", visit.user)
		program := exec.Command("ssh", append(words, command...)...)
		var stdout, stderr bytes.Buffer
		program.Stdout, program.Stderr = &stdout, &stderr
		err := program.Run()
		if program.ProcessState == nil {
			return err // there is no ssh
		}
		text := "-"
		if err != nil {
			failure, text = fmt.Errorf("Running SSH: %s: %w", host.name(), err), err.Error()
		}
		shown.add(host.name(), stdout.String(), stderr.String(), strconv.Itoa(program.ProcessState.ExitCode()), text)
	}
	s.out.table(shown)
	if err := visit.close(); err != nil {
		return err
	}
	return failure
}

// scp takes GROUP[/ID]:PATH on one side and a path on the other.
func scp(s *session) error {
	var group, id string
	for _, word := range s.arguments.words {
		if target, _, remote := strings.Cut(word, ":"); remote {
			group, id, _ = strings.Cut(target, "/")
		}
	}
	if group == "" {
		return errors.New("Missing remote host information in source/destination arguments")
	}
	visit, err := s.visit(group, id)
	if err != nil {
		return err
	}
	var failure error
	for _, host := range visit.hosts {
		words := visit.options()
		if s.arguments.has("recursive") {
			words = append(words, "-r")
		}
		for _, word := range s.arguments.words {
			if _, path, remote := strings.Cut(word, ":"); remote {
				word = visit.user + "@" + host.IP + ":" + path
			}
			words = append(words, word)
		}
		if text, err := exec.Command("scp", words...).CombinedOutput(); err != nil {
			failure = fmt.Errorf("Running SCP: %s: %w: %s", host.name(), err, text)
		}
	}
	if err := visit.close(); err != nil {
		return err
	}
	return failure
}
