package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

type eventRecord struct {
	ID         string
	ParentID   string `json:"parent_id"`
	Timestamp  int64
	User       string
	Action     string
	ObjectType string `json:"object_type"`
	ObjectName string `json:"object_name"`
	Task       string
	Deployment string
	Instance   string
	Context    map[string]any
	Error      string
}

func (s *session) showEvents(found ...eventRecord) {
	shown := table{content: "events", titles: []string{"ID", "Time", "User", "Action", "Object Type", "Object Name", "Task ID", "Deployment",
		"Instance", "Context", "Error"}}
	for _, each := range found {
		id, context := each.ID, ""
		if each.ParentID != "" {
			id += " <- " + each.ParentID
		}
		if len(each.Context) > 0 {
			text, _ := json.Marshal(each.Context) // was decoded from JSON
			context = string(text)
		}
		shown.add(id, showSeconds(each.Timestamp), each.User, each.Action, each.ObjectType, each.ObjectName, each.Task, each.Deployment,
			each.Instance, context, each.Error)
	}
	s.out.table(shown)
}

func events(s *session) error {
	var found []eventRecord
	option := s.arguments.value
	path := query("/events", "before_id", option("before-id"), "before_time", option("before"), "after_time", option("after"),
		"deployment", s.deployment(), "task", option("task"), "instance", option("instance"), "user", option("event-user"),
		"action", option("action"), "object_type", option("object-type"), "object_name", option("object-name"))
	if err := s.director.get(path, &found); err != nil {
		return err
	}
	s.showEvents(found...)
	return nil
}

func showEvent(s *session) error {
	var found eventRecord
	if err := s.director.get("/events/"+s.arguments.word(0), &found); err != nil {
		return err
	}
	s.showEvents(found)
	return nil
}

func locks(s *session) error {
	var found []struct {
		Type     string
		Resource []string
		Timeout  string // seconds since 1970 with a fraction
		TaskID   string `json:"task_id"`
	}
	if err := s.director.get("/locks", &found); err != nil {
		return err
	}
	shown := table{content: "locks", titles: []string{"Type", "Resource", "Task ID", "Expires at"}}
	for _, each := range found {
		expires, err := strconv.ParseFloat(each.Timeout, 64)
		if err != nil {
			return fmt.Errorf("lock of %v: timeout '%s' is no number", each.Resource, each.Timeout)
		}
		shown.add(each.Type, strings.Join(each.Resource, ":"), each.TaskID, showSeconds(int64(expires)))
	}
	s.out.table(shown)
	return nil
}

type cleanUpPlan struct {
	Releases []struct {
		Name     string
		Versions []string
	}
	Stemcells        []stemcell
	CompiledPackages []struct {
		Name            string
		StemcellOS      string `json:"stemcell_os"`
		StemcellVersion string `json:"stemcell_version"`
	} `json:"compiled_packages"`
	OrphanedDisks    []orphanedDisk `json:"orphaned_disks"`
	OrphanedVMs      []orphanedVM   `json:"orphaned_vms"`
	ExportedReleases []string       `json:"exported_releases"`
	DNSBlobs         []string       `json:"dns_blobs"`
}

func cleanUp(s *session) error {
	all, keep := s.arguments.has("all"), s.arguments.has("keep-orphaned-disks")
	if !s.arguments.has("dry-run") {
		if err := s.confirm(); err != nil {
			return err
		}
		return s.awaitTask(withJSON(http.MethodPost, "/cleanup", map[string]any{
			"config": map[string]bool{"remove_all": all, "keep_orphaned_disks": keep}}))
	}
	var plan cleanUpPlan
	path := fmt.Sprintf("/cleanup/dryrun?keep_orphaned_disks=%t&remove_all=%t", keep, all)
	if err := s.director.get(path, &plan); err != nil {
		return err
	}
	releases := table{titles: []string{"Name", "Version"}}
	for _, each := range plan.Releases {
		for _, version := range each.Versions {
			releases.add(each.Name, version)
		}
	}
	stemcells := table{titles: []string{"Name", "Version"}}
	for _, each := range plan.Stemcells {
		stemcells.add(each.Name, each.Version)
	}
	compiled := table{titles: []string{"Name", "Stemcell OS", "Stemcell Version"}}
	for _, each := range plan.CompiledPackages {
		compiled.add(each.Name, each.StemcellOS, each.StemcellVersion)
	}
	disks := table{titles: []string{"Disk CID", "Deployment", "Instance", "Size (mb)"}}
	for _, each := range plan.OrphanedDisks {
		disks.add(each.CID, each.DeploymentName, each.InstanceName, fmt.Sprint(each.Size))
	}
	vms := table{titles: []string{"VM CID", "Deployment", "Instance"}}
	for _, each := range plan.OrphanedVMs {
		vms.add(each.CID, each.DeploymentName, each.InstanceName)
	}
	for _, each := range []table{releases, stemcells, compiled, blobs(plan.ExportedReleases), blobs(plan.DNSBlobs), disks, vms} {
		s.out.table(each)
	}
	return nil
}

func blobs(ids []string) table {
	shown := table{titles: []string{"Blob ID"}}
	for _, id := range ids {
		shown.add(id)
	}
	return shown
}
