// wire speaks to a director as version 7 of the bosh command line does and takes a subset of its
// arguments. It stands in for it in the bosh-cli suite; docs/explanation/bosh-cli-suite.md says why,
// and what it cannot show.
package main

import (
	"errors"
	"fmt"
	"io"
	"os"
)

// A session is one run: its arguments, the director it speaks to, and what it has to say.
type session struct {
	arguments arguments
	out       *output
	anonymous *client // asks for /info, as anybody may
	director  *client
	environ   func(string) string
}

func main() {
	os.Exit(run(os.Args[1:], os.Getenv, os.Stdout))
}

// run returns the exit status. Nothing but output and the director see any effect.
func run(words []string, environ func(string) string, stdout io.Writer) int {
	out := &output{}
	for _, word := range words {
		out.json = out.json || word == "--json" // what is wrong with the words is told in JSON too
	}
	err := execute(words, environ, out)
	if err != nil {
		out.line("%s", err)
		out.line("Exit code 1")
	} else {
		out.line("Succeeded")
	}
	if printErr := out.print(stdout); printErr != nil || err != nil {
		return 1
	}
	return 0
}

func execute(words []string, environ func(string) string, out *output) error {
	command, given, err := parse(words, environ)
	if err != nil {
		return err
	}
	s := &session{arguments: given, out: out, environ: environ}
	if err := s.connect(); err != nil {
		return err
	}
	return command.run(s)
}

// connect learns without credentials how the director wants them, as the CLI does before nearly every command.
func (s *session) connect() error {
	environment := s.arguments.value("environment")
	if environment == "" {
		return errors.New("expected non-empty director URL")
	}
	anonymous, err := newClient(environment, s.arguments.value("ca-cert"))
	if err != nil {
		return err
	}
	s.anonymous = anonymous
	info, err := anonymous.info()
	if err != nil {
		return err
	}
	if info.Auth.Type != "basic" {
		return fmt.Errorf("expected authentication of type 'basic', the director says '%s'", info.Auth.Type)
	}
	s.director = anonymous.as(s.arguments.value("client"), s.arguments.value("client-secret"))
	s.out.line("Using environment '%s' as client '%s'", environment, s.arguments.value("client"))
	return nil
}

// deployment is the name given by -d.
func (s *session) deployment() string { return s.arguments.value("deployment") }

func (s *session) confirm() error {
	if s.arguments.has("non-interactive") {
		return nil
	}
	return errors.New("cannot ask for confirmation: this stand-in needs --non-interactive")
}
