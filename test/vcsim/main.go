// A vCenter for the tests: govmomi's simulator with an inventory of its own.
//
//	vcsim -cert FILE -key FILE -listen 127.0.0.1:0
//
// The user and the password come from standard input, a line each. When it serves, it prints its
// URL. It ends when standard input does.
//
// DC0 and DC1 hold two clusters each, with two hosts and a resource pool below the root. Every
// host of a datacenter sees the datastores LocalDS_0 and LocalDS_1; each cluster has one more that
// only its own hosts see, named after the cluster: DC0_C0_private. There are a standard network,
// "VM Network", and a distributed port group, DC0_DVPG0. There are no VMs.
package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"flag"
	"fmt"
	"io"
	"log"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/vmware/govmomi"
	"github.com/vmware/govmomi/find"
	"github.com/vmware/govmomi/simulator"
)

const (
	datacenters = 2
	clusters    = 2
)

func model() *simulator.Model {
	model := simulator.VPX()
	model.Datacenter = datacenters
	model.Cluster = clusters
	model.ClusterHost = 2
	model.Host = 0
	model.Pool = 1
	model.Datastore = 2
	model.Portgroup = 1
	model.Machine = 0
	return model
}

// addPrivateDatastores gives each cluster a datastore that no other cluster sees.
func addPrivateDatastores(ctx context.Context, client *govmomi.Client, folder string) error {
	finder := find.NewFinder(client.Client, false)
	clusters, err := finder.ClusterComputeResourceList(ctx, "/*/host/*")
	if err != nil {
		return err
	}
	for _, cluster := range clusters {
		name := cluster.Name() + "_private"
		path := filepath.Join(folder, name)
		if err := os.Mkdir(path, 0o700); err != nil {
			return err
		}
		hosts, err := cluster.Hosts(ctx)
		if err != nil {
			return err
		}
		for _, host := range hosts {
			system, err := host.ConfigManager().DatastoreSystem(ctx)
			if err != nil {
				return err
			}
			if _, err := system.CreateLocalDatastore(ctx, name, path); err != nil {
				return err
			}
		}
	}
	return nil
}

func serve(listen, certificate, key string, in *bufio.Reader) error {
	user, err := in.ReadString('\n')
	if err != nil {
		return fmt.Errorf("reading the user: %w", err)
	}
	password, err := in.ReadString('\n')
	if err != nil {
		return fmt.Errorf("reading the password: %w", err)
	}
	login := url.UserPassword(strings.TrimSuffix(user, "\n"), strings.TrimSuffix(password, "\n"))

	model := model()
	defer model.Remove()
	if err := model.Create(); err != nil {
		return err
	}
	pair, err := tls.LoadX509KeyPair(certificate, key)
	if err != nil {
		return err
	}
	model.Service.TLS = &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}
	model.Service.Listen = &url.URL{Host: listen, User: login}
	model.Service.RegisterEndpoints = true
	server := model.Service.NewServer()
	defer server.Close()

	ctx := context.Background()
	client, err := govmomi.NewClient(ctx, server.URL, true)
	if err != nil {
		return err
	}
	folder, err := os.MkdirTemp("", "vcsim-private-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	if err := addPrivateDatastores(ctx, client, folder); err != nil {
		return err
	}
	if err := client.Logout(ctx); err != nil {
		return err
	}
	address := *server.URL
	address.User = nil
	fmt.Println(address.String())
	_, err = io.Copy(io.Discard, in)
	return err
}

func main() {
	listen := flag.String("listen", "127.0.0.1:0", "address")
	certificate := flag.String("cert", "", "PEM file")
	key := flag.String("key", "", "PEM file")
	flag.Parse()
	if err := serve(*listen, *certificate, *key, bufio.NewReader(os.Stdin)); err != nil {
		log.Fatal(err)
	}
}
