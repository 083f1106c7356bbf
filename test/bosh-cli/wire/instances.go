package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"sort"
	"strconv"
	"strings"
)

// An instanceRow has the types of the CLI: vitals are strings, a process's numbers are numbers.
type instanceRow struct {
	AgentID         string `json:"agent_id"`
	JobName         string `json:"job_name"`
	ID              string
	Index           *int
	ProcessState    string `json:"job_state"`
	State           string
	Active          *bool
	Bootstrap       bool
	Ignore          bool
	IPs             []string
	DNS             []string
	AZ              string
	VMID            string   `json:"vm_cid"`
	VMType          string   `json:"vm_type"`
	ResourcePool    string   `json:"resource_pool"`
	DiskID          string   `json:"disk_cid"`
	DiskIDs         []string `json:"disk_cids"`
	VMCreatedAt     string   `json:"vm_created_at"`
	CloudProperties any      `json:"cloud_properties"`
	Processes       []process
	Vitals          vitals
	Stemcell        struct {
		Name, Version string
		APIVersion    int `json:"api_version"`
	}
}

type process struct {
	Name, State string
	CPU         cpu
	Mem         struct {
		KB      *uint64
		Percent *float64
	}
	Uptime uptime
}

type cpu struct {
	Total           *float64
	Sys, User, Wait string
}

type uptime struct {
	Seconds *uint64 `json:"secs"`
}

type share struct{ KB, Percent string }

type vitals struct {
	CPU       cpu
	Mem, Swap share
	Uptime    uptime
	Load      []string
	Disk      map[string]struct {
		Percent      string
		InodePercent string `json:"inode_percent"`
	}
}

func (i instanceRow) name() string {
	name := i.JobName
	if name == "" {
		name = "?"
	}
	if i.ID != "" {
		name += "/" + i.ID
	}
	return name
}

func (i instanceRow) running() bool {
	for _, p := range i.Processes {
		if p.State != "running" {
			return false
		}
	}
	return i.ProcessState == "running"
}

func (i instanceRow) index() string {
	if i.Index == nil {
		return "0"
	}
	return strconv.Itoa(*i.Index)
}

// listRows asks for instances or vms. The result has one JSON document a line.
func (s *session) listRows(deployment, what string) ([]instanceRow, error) {
	_, result, err := s.runTask(request{method: http.MethodGet, path: "/deployments/" + deployment + "/" + what + "?format=full"})
	if err != nil {
		return nil, err
	}
	var rows []instanceRow
	for _, line := range strings.Split(string(result), "\n") {
		if line == "" {
			continue
		}
		var row instanceRow
		if err := json.Unmarshal([]byte(line), &row); err != nil {
			return nil, fmt.Errorf("Unmarshaling %s info response '%s': %w", what, line, err)
		}
		if _, err := parseTime(row.VMCreatedAt); err != nil {
			return nil, err
		}
		if len(row.DiskIDs) == 0 && row.DiskID != "" {
			row.DiskIDs = []string{row.DiskID}
		}
		rows = append(rows, row)
	}
	sort.SliceStable(rows, func(a, b int) bool { return rows[a].name() < rows[b].name() })
	return rows, nil
}

// Columns are added by what was asked for; a row and its processes have the same ones.
type instanceColumns struct {
	processes, details, vms, vitals, dns, cloudProperties bool
}

func (c instanceColumns) titles() []string {
	titles := []string{"Instance"}
	if c.processes {
		titles = append(titles, "Process")
	}
	titles = append(titles, "Process State", "AZ", "IPs")
	if c.vms {
		titles = append(titles, "VM CID", "VM Type", "Active", "Stemcell")
	} else {
		titles = append(titles, "Deployment")
	}
	if c.details {
		titles = append(titles, "State", "VM CID", "VM Type", "Disk CIDs", "Agent ID", "Index", "Bootstrap", "Ignore")
	}
	if c.cloudProperties {
		titles = append(titles, "Cloud Properties")
	}
	if c.dns {
		titles = append(titles, "DNS A Records")
	}
	if c.vitals {
		titles = append(titles, "VM Created At", "Uptime", "Load\n(1m, 5m, 15m)", "CPU\nTotal", "CPU\nUser", "CPU\nSys", "CPU\nWait",
			"Memory\nUsage", "Swap\nUsage", "System\nDisk Usage", "Ephemeral\nDisk Usage", "Persistent\nDisk Usage")
	}
	return titles
}

func (c instanceColumns) ofInstance(deployment string, i instanceRow) []string {
	cells := []string{i.name()}
	if c.processes {
		cells = append(cells, "")
	}
	cells = append(cells, i.ProcessState, i.AZ, strings.Join(i.IPs, "\n"))
	if c.vms {
		active, stemcell := "-", "-"
		if i.Active != nil {
			active = strconv.FormatBool(*i.Active)
		}
		if i.Stemcell.Name != "" {
			stemcell = i.Stemcell.Name + "/" + i.Stemcell.Version
		}
		cells = append(cells, i.VMID, i.VMType, active, stemcell)
	} else {
		cells = append(cells, deployment)
	}
	if c.details {
		cells = append(cells, i.State, i.VMID, i.VMType, strings.Join(i.DiskIDs, "\n"), i.AgentID, i.index(),
			strconv.FormatBool(i.Bootstrap), strconv.FormatBool(i.Ignore))
	}
	if c.cloudProperties {
		text, _ := json.Marshal(i.CloudProperties) // was decoded from JSON
		cells = append(cells, string(text))
	}
	if c.dns {
		cells = append(cells, strings.Join(i.DNS, "\n"))
	}
	if c.vitals {
		created, _ := parseTime(i.VMCreatedAt) // listRows has checked it
		v := i.Vitals
		cells = append(cells, showTime(created), showUptime(v.Uptime), strings.Join(v.Load, ", "), showTotal(v.CPU), percent(v.CPU.User),
			percent(v.CPU.Sys), percent(v.CPU.Wait), showShare(v.Mem), showShare(v.Swap))
		for _, disk := range []string{"system", "ephemeral", "persistent"} {
			used := ""
			if d := v.Disk[disk]; d.Percent != "" {
				used = fmt.Sprintf("%s%% (%si%%)", d.Percent, d.InodePercent)
			}
			cells = append(cells, used)
		}
	}
	return cells
}

// ofProcess fills the columns that a process has; the others are its instance's.
func (c instanceColumns) ofProcess(i instanceRow, p process) []string {
	cells := make([]string, len(c.titles()))
	for column, title := range c.titles() {
		switch title {
		case "Instance":
			cells[column] = i.name()
		case "Process":
			cells[column] = p.Name
		case "Process State":
			cells[column] = p.State
		case "Uptime":
			cells[column] = showUptime(p.Uptime)
		case "CPU\nTotal":
			cells[column] = showTotal(p.CPU)
		case "Memory\nUsage":
			if p.Mem.KB != nil && p.Mem.Percent != nil {
				cells[column] = fmt.Sprintf("%.1f%% (%d kB)", *p.Mem.Percent, *p.Mem.KB)
			}
		}
	}
	return cells
}

func showUptime(u uptime) string {
	if u.Seconds == nil {
		return ""
	}
	at := *u.Seconds
	return fmt.Sprintf("%dd %dh %dm %ds", at/86400, at/3600%24, at/60%60, at%60)
}

func showTotal(c cpu) string {
	if c.Total == nil {
		return ""
	}
	return fmt.Sprintf("%.1f%%", *c.Total)
}

func percent(text string) string {
	if text == "" {
		return ""
	}
	return text + "%"
}

func showShare(s share) string {
	if s.Percent == "" || s.KB == "" {
		return ""
	}
	return fmt.Sprintf("%s%% (%s kB)", s.Percent, s.KB)
}

func instances(s *session) error {
	rows, err := s.listRows(s.deployment(), "instances")
	if err != nil {
		return err
	}
	columns := instanceColumns{processes: s.arguments.has("ps"), details: s.arguments.has("details"),
		vitals: s.arguments.has("vitals"), dns: s.arguments.has("dns")}
	shown := table{content: "instances", titles: columns.titles()}
	for _, row := range rows {
		if s.arguments.has("failing") && row.running() {
			continue
		}
		shown.add(columns.ofInstance(s.deployment(), row)...)
		for _, p := range row.Processes {
			if columns.processes && !(s.arguments.has("failing") && p.State == "running") {
				shown.add(columns.ofProcess(row, p)...)
			}
		}
	}
	s.out.table(shown)
	return nil
}

func vms(s *session) error {
	rows, err := s.listRows(s.deployment(), "vms")
	if err != nil {
		return err
	}
	columns := instanceColumns{vms: true, vitals: s.arguments.has("vitals"), dns: s.arguments.has("dns"),
		cloudProperties: s.arguments.has("cloud-properties")}
	shown := table{content: "vms", titles: columns.titles()}
	for _, row := range rows {
		shown.add(columns.ofInstance(s.deployment(), row)...)
	}
	s.out.table(shown)
	return nil
}
