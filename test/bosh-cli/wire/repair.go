package main

import (
	"errors"
	"fmt"
	"net/http"
	"sort"
	"strconv"
	"strings"
)

type problem struct {
	ID            int
	Type          string
	Description   string
	InstanceGroup string `json:"instance_group"`
	Data          any
	Resolutions   []struct {
		Name *string
		Plan string
	}
}

// answer is the name of the resolution asked for: the first that the problem offers, else to ignore it.
func (p problem) answer(wanted []string) (string, error) {
	for _, each := range wanted {
		for _, offered := range p.Resolutions {
			if offered.Name == nil {
				return "", fmt.Errorf("problem %d offers a resolution without a name", p.ID)
			}
			if *offered.Name == each {
				return each, nil
			}
		}
	}
	return "ignore", nil
}

func cloudCheck(s *session) error {
	path := "/deployments/" + s.deployment()
	if err := s.awaitTask(withBody(http.MethodPost, path+"/scans", "application/json", nil)); err != nil {
		return err
	}
	var found []problem
	if err := s.director.get(path+"/problems", &found); err != nil {
		return err
	}
	sort.SliceStable(found, func(a, b int) bool { return found[a].ID < found[b].ID })
	shown := table{content: "problems", titles: []string{"#", "Type", "Description"}}
	for _, each := range found {
		shown.add(strconv.Itoa(each.ID), each.Type, each.Description)
	}
	s.out.table(shown)
	wanted := s.arguments.all("resolution")
	switch {
	case len(found) == 0:
		return nil
	case s.arguments.has("report"):
		return fmt.Errorf("%d problem(s) found", len(found))
	case !s.arguments.has("auto") && len(wanted) == 0:
		return errors.New("cannot ask for resolutions: this stand-in needs --auto, --report or --resolution")
	}
	resolutions := map[string]any{}
	for _, each := range found {
		if s.arguments.has("auto") {
			resolutions[strconv.Itoa(each.ID)] = nil // the director's default
			continue
		}
		answer, err := each.answer(wanted)
		if err != nil {
			return err
		}
		resolutions[strconv.Itoa(each.ID)] = answer
	}
	if err := s.confirm(); err != nil {
		return err
	}
	return s.awaitTask(withJSON(http.MethodPut, path+"/problems",
		map[string]any{"resolutions": resolutions, "max_in_flight_overrides": map[string]string{}}))
}

type orphanedDisk struct {
	CID            string `json:"disk_cid"`
	Size           uint64 // MiB
	DeploymentName string `json:"deployment_name"`
	InstanceName   string `json:"instance_name"`
	AZ             string
	OrphanedAt     string `json:"orphaned_at"`
}

func disks(s *session) error {
	if !s.arguments.has("orphaned") {
		return errors.New("Only --orphaned is supported")
	}
	var found []orphanedDisk
	if err := s.director.get("/disks", &found); err != nil {
		return err
	}
	shown := table{content: "disks", titles: []string{"Disk CID", "Size", "Deployment", "Instance", "AZ", "Orphaned At"}}
	for _, each := range found {
		at, err := parseTime(each.OrphanedAt)
		if err != nil {
			return err
		}
		shown.add(each.CID, fmt.Sprintf("%d MiB", each.Size), each.DeploymentName, each.InstanceName, each.AZ, showTime(at))
	}
	s.out.table(shown)
	return nil
}

func attachDisk(s *session) error {
	group, id, err := slug(s.arguments.word(0), "GROUP/ID")
	if err != nil {
		return err
	}
	return s.awaitTask(request{method: http.MethodPut, path: query("/disks/"+escape(s.arguments.word(1))+"/attachments",
		"deployment", s.deployment(), "job", group, "instance_id", id, "disk_properties", s.arguments.value("disk-properties"))})
}

func deleteDisk(s *session) error {
	if err := s.confirm(); err != nil {
		return err
	}
	return s.awaitTask(request{method: http.MethodDelete, path: "/disks/" + escape(s.arguments.word(0))})
}

func orphanDisk(s *session) error {
	if err := s.confirm(); err != nil {
		return err
	}
	return s.awaitTask(request{method: http.MethodDelete, path: "/disks/" + escape(s.arguments.word(0)) + "?orphan=true"})
}

type orphanedVM struct {
	CID            string
	DeploymentName string `json:"deployment_name"`
	InstanceName   string `json:"instance_name"`
	AZ             string
	IPAddresses    []string `json:"ip_addresses"`
	OrphanedAt     string   `json:"orphaned_at"`
}

func orphanedVMs(s *session) error {
	var found []orphanedVM
	if err := s.director.get("/orphaned_vms", &found); err != nil {
		return err
	}
	shown := table{content: "orphaned_vms", titles: []string{"VM CID", "Deployment", "Instance", "AZ", "IPs", "Orphaned At"}}
	for _, each := range found {
		at, err := parseTime(each.OrphanedAt)
		if err != nil {
			return err
		}
		shown.add(each.CID, each.DeploymentName, each.InstanceName, each.AZ, strings.Join(each.IPAddresses, "\n"), showTime(at))
	}
	s.out.table(shown)
	return nil
}

func deleteVM(s *session) error {
	if err := s.confirm(); err != nil {
		return err
	}
	return s.awaitTask(request{method: http.MethodDelete, path: "/vms/" + escape(s.arguments.word(0))})
}

func networks(s *session) error {
	if !s.arguments.has("orphaned") {
		return errors.New("Only --orphaned is supported")
	}
	var found []struct {
		Name, Type string
		OrphanedAt string `json:"orphaned_at"`
	}
	if err := s.director.get("/networks?orphaned=true", &found); err != nil {
		return err
	}
	shown := table{content: "networks", titles: []string{"Name", "Type", "Orphaned At"}}
	for _, each := range found {
		shown.add(each.Name, each.Type, each.OrphanedAt)
	}
	s.out.table(shown)
	return nil
}

func snapshots(s *session) error {
	var found []struct {
		Job       string
		Index     *int
		CID       string `json:"snapshot_cid"`
		CreatedAt string `json:"created_at"`
		Clean     bool
	}
	if err := s.director.get("/deployments/"+s.deployment()+"/snapshots", &found); err != nil {
		return err
	}
	shown := table{content: "snapshots", titles: []string{"Instance", "CID", "Created At", "Clean"}}
	for _, each := range found {
		at, err := parseTime(each.CreatedAt)
		if err != nil {
			return err
		}
		job, index := each.Job, "?"
		if job == "" {
			job = "?"
		}
		if each.Index != nil {
			index = strconv.Itoa(*each.Index)
		}
		shown.add(job+"/"+index, each.CID, showTime(at), strconv.FormatBool(each.Clean))
	}
	s.out.table(shown)
	return nil
}

func takeSnapshot(s *session) error {
	path := "/deployments/" + s.deployment()
	if s.arguments.word(0) != "" {
		group, id, err := slug(s.arguments.word(0), "GROUP/ID")
		if err != nil {
			return err
		}
		path += "/jobs/" + group + "/" + id
	}
	return s.awaitTask(request{method: http.MethodPost, path: path + "/snapshots"})
}

func deleteSnapshot(s *session) error {
	if err := s.confirm(); err != nil {
		return err
	}
	return s.awaitTask(request{method: http.MethodDelete, path: "/deployments/" + s.deployment() + "/snapshots/" + s.arguments.word(0)})
}

func deleteSnapshots(s *session) error {
	if err := s.confirm(); err != nil {
		return err
	}
	return s.awaitTask(request{method: http.MethodDelete, path: "/deployments/" + s.deployment() + "/snapshots"})
}
