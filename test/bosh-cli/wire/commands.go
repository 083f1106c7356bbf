package main

import "fmt"

type command struct {
	name, alias string
	options     []option
	min, max    int  // words after the name
	deployment  bool // needs -d
	run         func(*session) error
}

func flags(names ...string) []option {
	var options []option
	for _, name := range names {
		options = append(options, option{long: name})
	}
	return options
}

func values(names ...string) []option {
	var options []option
	for _, name := range names {
		options = append(options, option{long: name, kind: value})
	}
	return options
}

func join(lists ...[]option) []option {
	var all []option
	for _, list := range lists {
		all = append(all, list...)
	}
	return all
}

var skipDrainOfGroups = []option{{long: "skip-drain", kind: optional, fallback: "*"}}

// Those of start, stop, restart and recreate.
var stateOptions = join(values("canaries", "max-in-flight"),
	flags("converge", "no-converge", "skip-drain", "soft", "hard", "fix", "dry-run"))

// commands is a function because the commands' own functions reach it through parse.
func commands() []command {
	return []command{
		{name: "environment", alias: "env", run: environment, options: flags("details")},
		{name: "log-in", alias: "login", run: logIn},

		{name: "update-cloud-config", alias: "ucc", min: 1, max: 1, run: updateLegacyConfig("cloud")},
		{name: "update-runtime-config", alias: "urc", min: 1, max: 1, options: join(values("name"), flags("no-redact")), run: updateLegacyConfig("runtime")},
		{name: "update-cpi-config", min: 1, max: 1, options: flags("no-redact"), run: updateLegacyConfig("cpi")},
		{name: "cloud-config", alias: "cc", run: showLegacyConfig("cloud")},
		{name: "runtime-config", alias: "rc", options: values("name"), run: showLegacyConfig("runtime")},
		{name: "cpi-config", run: showLegacyConfig("cpi")},
		{name: "configs", alias: "cs", run: configs,
			options: append(values("name", "type"), option{long: "recent", short: "r", kind: optional, fallback: "1"})},
		{name: "config", alias: "c", max: 1, options: values("name", "type"), run: showConfig},
		{name: "update-config", alias: "uc", min: 1, max: 1, options: values("name", "type", "expected-latest-id"), run: updateConfig},
		{name: "delete-config", alias: "dc", max: 1, options: values("name", "type"), run: deleteConfig},
		{name: "diff-config", options: values("from-id", "to-id", "from-content", "to-content"), run: diffConfig},

		{name: "stemcells", alias: "ss", run: stemcells},
		{name: "upload-stemcell", alias: "us", min: 1, max: 1, run: uploadStemcell,
			options: join(flags("fix"), values("name", "version", "sha1"))},
		{name: "delete-stemcell", alias: "dels", min: 1, max: 1, options: flags("force"), run: deleteStemcell},
		{name: "releases", alias: "rs", run: releases},
		{name: "upload-release", alias: "ur", min: 1, max: 1, run: uploadRelease,
			options: join(flags("fix", "rebase"), values("name", "version", "sha1"))},
		{name: "inspect-release", min: 1, max: 1, run: inspectRelease},
		{name: "export-release", min: 2, max: 2, deployment: true, options: values("dir", "job"), run: exportRelease},
		{name: "delete-release", alias: "delr", min: 1, max: 1, options: flags("force"), run: deleteRelease},

		{name: "deploy", alias: "d", min: 1, max: 1, deployment: true, run: deploy,
			options: join(flags("recreate", "recreate-persistent-disks", "fix", "dry-run", "no-redact", "force-latest-variables"),
				values("canaries", "max-in-flight"), skipDrainOfGroups)},
		{name: "deployments", alias: "ds", run: deployments},
		{name: "manifest", alias: "man", deployment: true, run: manifest},
		{name: "delete-deployment", alias: "deld", deployment: true, options: flags("force"), run: deleteDeployment},
		{name: "variables", alias: "vars", deployment: true, run: variables},

		{name: "instances", alias: "is", deployment: true, run: instances,
			options: []option{{long: "details", short: "i"}, {long: "ps", short: "p"}, {long: "failing", short: "f"},
				{long: "vitals"}, {long: "dns"}}},
		{name: "vms", deployment: true, options: flags("vitals", "dns", "cloud-properties"), run: vms},
		{name: "start", max: 1, deployment: true, options: stateOptions, run: changeState},
		{name: "stop", max: 1, deployment: true, options: stateOptions, run: changeState},
		{name: "restart", max: 1, deployment: true, options: stateOptions, run: changeState},
		{name: "recreate", max: 1, deployment: true, options: stateOptions, run: changeState},
		{name: "ignore", min: 1, max: 1, deployment: true, run: ignore(true)},
		{name: "unignore", min: 1, max: 1, deployment: true, run: ignore(false)},
		{name: "update-resurrection", min: 1, max: 1, run: updateResurrection},

		{name: "errands", alias: "es", deployment: true, run: errands},
		{name: "run-errand", min: 1, max: 1, deployment: true, run: runErrand,
			options: join(flags("keep-alive", "when-changed", "download-logs"), values("instance", "logs-dir"))},
		{name: "logs", max: 1, deployment: true, options: join(values("dir", "only"), flags("agent", "system", "all-logs")), run: logs},
		{name: "ssh", max: 1, deployment: true, run: ssh,
			options: []option{{long: "command", short: "c", kind: value}, {long: "results", short: "r"}, {long: "opts", kind: value},
				{long: "gw-disable"}}},
		{name: "scp", min: 2, max: 2, deployment: true, options: []option{{long: "recursive", short: "r"}, {long: "gw-disable"}}, run: scp},

		{name: "cloud-check", alias: "cck", deployment: true, run: cloudCheck,
			options: []option{{long: "auto", short: "a"}, {long: "report", short: "r"}, {long: "resolution", kind: value}}},
		{name: "disks", options: []option{{long: "orphaned", short: "o"}}, run: disks},
		{name: "attach-disk", min: 2, max: 2, deployment: true, options: values("disk-properties"), run: attachDisk},
		{name: "delete-disk", min: 1, max: 1, run: deleteDisk},
		{name: "orphan-disk", min: 1, max: 1, run: orphanDisk},
		{name: "orphaned-vms", run: orphanedVMs},
		{name: "delete-vm", min: 1, max: 1, deployment: true, run: deleteVM},
		{name: "networks", options: []option{{long: "orphaned", short: "o"}}, run: networks},
		{name: "snapshots", deployment: true, run: snapshots},
		{name: "take-snapshot", max: 1, deployment: true, run: takeSnapshot},
		{name: "delete-snapshot", min: 1, max: 1, deployment: true, run: deleteSnapshot},
		{name: "delete-snapshots", deployment: true, run: deleteSnapshots},

		{name: "tasks", alias: "ts", run: tasks,
			options: []option{{long: "recent", short: "r", kind: optional, fallback: "30"}, {long: "all", short: "a"}}},
		{name: "task", alias: "t", max: 1, run: showTask,
			options: append(flags("event", "cpi", "debug", "result"), option{long: "all", short: "a"})},
		{name: "cancel-task", alias: "ct", min: 1, max: 1, run: cancelTask},
		{name: "cancel-tasks", alias: "cts", run: cancelTasks,
			options: []option{{long: "type", short: "t", kind: value}, {long: "state", short: "s", kind: value}}},
		{name: "events", run: events, options: values("before-id", "before", "after", "task", "instance", "event-user",
			"action", "object-type", "object-name")},
		{name: "event", min: 1, max: 1, run: showEvent},
		{name: "locks", run: locks},
		{name: "clean-up", options: flags("all", "dry-run", "keep-orphaned-disks"), run: cleanUp},
	}
}

func commandNamed(name string) (command, bool) {
	for _, known := range commands() {
		if name == known.name || (known.alias != "" && name == known.alias) {
			return known, true
		}
	}
	return command{}, false
}

func (c command) check(given arguments) error {
	if len(given.words) < c.min || len(given.words) > c.max {
		return fmt.Errorf("'%s' takes %d to %d arguments, %d were given", c.name, c.min, c.max, len(given.words))
	}
	if c.deployment && given.value("deployment") == "" {
		return fmt.Errorf("'%s' needs a deployment: -d NAME", c.name)
	}
	given.values["command name"] = []string{c.name}
	return nil
}
