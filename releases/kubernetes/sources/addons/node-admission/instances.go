package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
)

// An instance of the deployment that shall be a node of the cluster.
type instance struct {
	id, node, ip string
}

// The names the director sends to every VM of every deployment: rows of record_infos, whose
// columns record_keys names.
type records struct {
	Keys  []string `json:"record_keys"`
	Infos [][]any  `json:"record_infos"`
}

// readInstances gives those of one group of one deployment, by node name.
func readInstances(file, deployment, group string) (map[string]instance, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var all records
	if err := json.Unmarshal(text, &all); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	column := map[string]int{}
	for i, key := range all.Keys {
		column[key] = i
	}
	found := map[string]instance{}
	for _, row := range all.Infos {
		cell := func(key string) string {
			at, ok := column[key]
			if !ok || at >= len(row) {
				return ""
			}
			switch value := row[at].(type) {
			case string:
				return value
			case float64:
				return strconv.Itoa(int(value))
			}
			return ""
		}
		if cell("deployment") != deployment || cell("instance_group") != group {
			continue
		}
		one := instance{id: cell("id"), node: group + "-" + cell("instance_index"), ip: cell("ip")}
		if one.id != "" && one.ip != "" {
			found[one.node] = one
		}
	}
	return found, nil
}

// A node's bootstrap token is made of the deployment's secret and the instance's id: the
// director writes it into the instance's own files and into nobody else's.
func (i instance) tokenID() string {
	sum := sha256.Sum256([]byte("token-id:" + i.id))
	return hex.EncodeToString(sum[:])[:6]
}

func (i instance) tokenSecret(secret []byte) string {
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte(i.id))
	return hex.EncodeToString(mac.Sum(nil))[:16]
}
