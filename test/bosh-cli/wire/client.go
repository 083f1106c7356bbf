package main

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"
)

const (
	defaultPort = "25555"
	attempts    = 5
)

// A client sends requests with the CLI's habits. retryPause and pollPause are fields for the tests' sake.
type client struct {
	base           url.URL
	http           *http.Client
	user, password string
	retryPause     time.Duration
	pollPause      time.Duration
}

// A request's body is opened anew for each attempt.
type request struct {
	method, path string
	headers      map[string]string
	open         func() (io.ReadCloser, int64, error)
}

// A refusal is an answer with a status that the CLI takes for a failure.
type refusal struct {
	status int
	body   string
}

func (r *refusal) Error() string {
	return fmt.Sprintf("Director responded with non-successful status code '%d' response '%s'", r.status, r.body)
}

func hasStatus(err error, status int) bool {
	var refused *refusal
	return errors.As(err, &refused) && refused.status == status
}

func newClient(environment, authority string) (*client, error) {
	if !strings.Contains(environment, "://") {
		environment = "https://" + environment
	}
	parsed, err := url.Parse(environment)
	if err != nil {
		return nil, fmt.Errorf("environment: %w", err)
	}
	port := parsed.Port()
	if port == "" {
		port = defaultPort
	}
	c := &client{
		base:       url.URL{Scheme: "https", Host: net.JoinHostPort(parsed.Hostname(), port)},
		retryPause: 500 * time.Millisecond,
		pollPause:  500 * time.Millisecond,
	}
	roots, err := authorities(authority)
	if err != nil {
		return nil, err
	}
	c.http = &http.Client{
		Transport: &http.Transport{
			DisableKeepAlives: true, // each request is a connection of its own
			TLSClientConfig: &tls.Config{
				RootCAs:    roots,
				MinVersion: tls.VersionTLS12,
				CipherSuites: []uint16{tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
					tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256},
			},
			TLSHandshakeTimeout: 30 * time.Second,
		},
		CheckRedirect: c.follow,
	}
	return c, nil
}

// authorities reads a certificate from a path or from the text itself; nil means the system's.
func authorities(given string) (*x509.CertPool, error) {
	if given == "" {
		return nil, nil
	}
	text := []byte(given)
	if !strings.Contains(given, "BEGIN CERTIFICATE") {
		read, err := os.ReadFile(given)
		if err != nil {
			return nil, fmt.Errorf("CA certificate: %w", err)
		}
		text = read
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, errors.New("CA certificate: no certificate in it")
	}
	return pool, nil
}

// as gives a client of the same director with credentials.
func (c *client) as(user, password string) *client {
	known := *c
	known.user, known.password = user, password
	transport := *c.http
	transport.CheckRedirect = known.follow
	known.http = &transport
	return &known
}

// follow goes to the same host whatever Location says, and keeps no header but Authorization.
func (c *client) follow(next *http.Request, via []*http.Request) error {
	if len(via) > 10 {
		return errors.New("too many redirects")
	}
	next.URL.Host = c.base.Host
	next.Header = http.Header{}
	next.Body, next.ContentLength = nil, 0
	c.authorize(next)
	return nil
}

func (c *client) authorize(r *http.Request) {
	if c.user != "" {
		r.SetBasicAuth(c.user, c.password)
	}
}

func (c *client) attempt(wanted request) (*http.Response, error) {
	sent, err := http.NewRequest(wanted.method, c.base.String()+wanted.path, nil)
	if err != nil {
		return nil, err
	}
	for name, text := range wanted.headers {
		sent.Header.Set(name, text)
	}
	if wanted.open != nil {
		if sent.Body, sent.ContentLength, err = wanted.open(); err != nil {
			return nil, err
		}
	}
	c.authorize(sent)
	return c.http.Do(sent)
}

// do tries again after any network error, and after a gateway's error where nothing can have been changed.
func (c *client) do(wanted request) (*http.Response, error) {
	var response *http.Response
	var err error
	for try := 1; ; try++ {
		response, err = c.attempt(wanted)
		passing := err != nil || (wanted.method == http.MethodGet && response.StatusCode >= 502 && response.StatusCode <= 504)
		if !passing || try == attempts {
			break
		}
		if response != nil {
			response.Body.Close()
		}
		time.Sleep(c.retryPause)
	}
	if err != nil {
		return nil, fmt.Errorf("Performing request %s '%s': %w", wanted.method, wanted.path, err)
	}
	switch response.StatusCode {
	case http.StatusOK, http.StatusCreated, http.StatusNoContent, http.StatusPartialContent, http.StatusFound:
		return response, nil
	}
	defer response.Body.Close()
	body, _ := io.ReadAll(response.Body)
	return response, &refusal{response.StatusCode, string(body)}
}

func (c *client) read(wanted request) ([]byte, error) {
	response, err := c.do(wanted)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, fmt.Errorf("Reading Director response: %w", err)
	}
	return body, nil
}

// decode reads an answer into the very types the CLI has: a number for a string fails here.
func (c *client) decode(wanted request, into any) error {
	body, err := c.read(wanted)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(body, into); err != nil {
		return fmt.Errorf("Unmarshaling Director response to %s '%s': %w", wanted.method, wanted.path, err)
	}
	return nil
}

func (c *client) get(path string, into any) error {
	return c.decode(request{method: http.MethodGet, path: path}, into)
}

func withBody(method, path, contentType string, body []byte) request {
	return request{method: method, path: path, headers: map[string]string{"Content-Type": contentType},
		open: func() (io.ReadCloser, int64, error) {
			return io.NopCloser(bytes.NewReader(body)), int64(len(body)), nil
		}}
}

func withYAML(method, path string, body []byte) request {
	return withBody(method, path, "text/yaml", body)
}

// withJSON's value is the program's own: it can always be encoded.
func withJSON(method, path string, value any) request {
	body, err := json.Marshal(value)
	if err != nil {
		panic(err)
	}
	return withBody(method, path, "application/json", body)
}

func withFile(path, file string) request {
	return request{method: http.MethodPost, path: path, headers: map[string]string{"Content-Type": "application/x-compressed"},
		open: func() (io.ReadCloser, int64, error) {
			opened, err := os.Open(file)
			if err != nil {
				return nil, 0, err
			}
			about, err := opened.Stat()
			if err != nil {
				return nil, 0, err
			}
			return opened, about.Size(), nil
		}}
}

// query makes ?a=b of those that are not empty; the path alone where all are.
func query(path string, pairs ...string) string {
	set := url.Values{}
	for at := 0; at+1 < len(pairs); at += 2 {
		if pairs[at+1] != "" {
			set.Add(pairs[at], pairs[at+1])
		}
	}
	if len(set) == 0 {
		return path
	}
	return path + "?" + set.Encode()
}
