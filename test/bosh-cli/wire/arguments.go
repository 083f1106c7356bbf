package main

import (
	"fmt"
	"strings"
)

type kind int

const (
	flag     kind = iota // --fix
	value                // --canaries 2, --canaries=2
	optional             // --recent, --recent=5: a separate word is not its value
)

type option struct {
	long, short string
	kind        kind
	fallback    string // what an optional one has without a value
	env         string
}

var globalOptions = []option{
	{long: "environment", short: "e", kind: value, env: "BOSH_ENVIRONMENT"},
	{long: "ca-cert", kind: value, env: "BOSH_CA_CERT"},
	{long: "client", kind: value, env: "BOSH_CLIENT"},
	{long: "client-secret", kind: value, env: "BOSH_CLIENT_SECRET"},
	{long: "deployment", short: "d", kind: value, env: "BOSH_DEPLOYMENT"},
	{long: "non-interactive", short: "n", env: "BOSH_NON_INTERACTIVE"},
	{long: "json"}, {long: "no-color"}, {long: "tty"},
}

type arguments struct {
	values map[string][]string
	words  []string // what is no option, without the command's name
}

func (a arguments) has(name string) bool     { return len(a.values[name]) > 0 }
func (a arguments) all(name string) []string { return a.values[name] }
func (a arguments) word(index int) string {
	if index < len(a.words) {
		return a.words[index]
	}
	return ""
}

// value is the last one given, or "".
func (a arguments) value(name string) string {
	given := a.values[name]
	if len(given) == 0 {
		return ""
	}
	return given[len(given)-1]
}

func find(options []option, matches func(option) bool) (option, bool) {
	for _, candidate := range options {
		if matches(candidate) {
			return candidate, true
		}
	}
	return option{}, false
}

// parse reads words as the CLI's grammar does: options stand anywhere, the first other word is the command.
func parse(words []string, environ func(string) string) (command, arguments, error) {
	given := arguments{values: map[string][]string{}}
	var chosen command
	options := globalOptions
	for at := 0; at < len(words); at++ {
		word := words[at]
		if len(word) < 2 || word[0] != '-' {
			if chosen.run != nil {
				given.words = append(given.words, word)
				continue
			}
			known, ok := commandNamed(word)
			if !ok {
				return command{}, given, fmt.Errorf("unknown command '%s'", word)
			}
			chosen = known
			options = append(append([]option{}, globalOptions...), known.options...)
			continue
		}
		name, text, attached := strings.Cut(word, "=")
		known, ok := find(options, func(o option) bool {
			return name == "--"+o.long || (o.short != "" && name == "-"+o.short)
		})
		if !ok {
			return command{}, given, fmt.Errorf("unknown flag '%s'", name)
		}
		switch {
		case known.kind == flag && attached:
			return command{}, given, fmt.Errorf("flag '%s' takes no value", name)
		case known.kind == flag:
			text = "true"
		case known.kind == optional && !attached:
			text = known.fallback
		case known.kind == value && !attached:
			if at++; at == len(words) {
				return command{}, given, fmt.Errorf("flag '%s' needs a value", name)
			}
			text = words[at]
		}
		given.values[known.long] = append(given.values[known.long], text)
	}
	if chosen.run == nil {
		return command{}, given, fmt.Errorf("no command given")
	}
	for _, global := range globalOptions {
		if text := environ(global.env); global.env != "" && text != "" && !given.has(global.long) {
			given.values[global.long] = []string{text}
		}
	}
	return chosen, given, chosen.check(given)
}
