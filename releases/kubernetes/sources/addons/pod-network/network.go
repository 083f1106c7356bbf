package main

import (
	"bytes"
	"encoding/json"
	"net"
	"os"
	"path/filepath"

	"github.com/vishvananda/netlink"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/klog/v2"
)

// Marks our routes in the kernel's table, so that we remove no others. Free among the numbers of
// /etc/iproute2/rt_protos.
const routeProtocol = netlink.RouteProtocol(83)

type network struct {
	node, cniConfig string
}

// apply makes routes and configuration what the nodes say. What fails is logged and tried again
// the next time.
func (n *network) apply(nodes []any) {
	wanted := map[string]net.IP{}
	for _, object := range nodes {
		node := object.(*corev1.Node)
		_, pods, err := net.ParseCIDR(node.Spec.PodCIDR)
		if err != nil {
			continue // has none yet
		}
		if node.Name == n.node {
			n.writeConfig(pods.String())
		} else if address := internalAddress(node); address != nil {
			wanted[pods.String()] = address
		}
	}
	n.setRoutes(wanted)
}

func internalAddress(node *corev1.Node) net.IP {
	for _, address := range node.Status.Addresses {
		if address.Type == corev1.NodeInternalIP {
			return net.ParseIP(address.Address)
		}
	}
	return nil
}

func (n *network) setRoutes(wanted map[string]net.IP) {
	filter := &netlink.Route{Protocol: routeProtocol}
	present, err := netlink.RouteListFiltered(netlink.FAMILY_V4, filter, netlink.RT_FILTER_PROTOCOL)
	if err != nil {
		klog.ErrorS(err, "cannot read the routes")
		return
	}
	for i := range present {
		route := &present[i]
		if route.Dst == nil {
			continue
		}
		if via, ok := wanted[route.Dst.String()]; ok && via.Equal(route.Gw) {
			delete(wanted, route.Dst.String())
		} else if !ok {
			err := netlink.RouteDel(route)
			klog.InfoS("removed a route", "pods", route.Dst, "via", route.Gw, "err", err)
		}
	}
	for pods, via := range wanted {
		_, target, _ := net.ParseCIDR(pods)
		err := netlink.RouteReplace(&netlink.Route{Dst: target, Gw: via, Protocol: routeProtocol})
		klog.InfoS("set a route", "pods", pods, "via", via, "err", err)
	}
}

// The runtime calls a node's network ready once this file is there.
func (n *network) writeConfig(pods string) {
	text, err := json.MarshalIndent(n.config(pods), "", "  ")
	if err != nil {
		klog.ErrorS(err, "cannot write the network configuration as JSON")
		return
	}
	if old, err := os.ReadFile(n.cniConfig); err == nil && bytes.Equal(old, text) {
		return
	}
	part := filepath.Join(filepath.Dir(n.cniConfig), "."+filepath.Base(n.cniConfig))
	if err = os.WriteFile(part, text, 0o644); err == nil {
		err = os.Rename(part, n.cniConfig)
	}
	klog.InfoS("wrote the network configuration", "file", n.cniConfig, "pods", pods, "err", err)
}

func (n *network) config(pods string) map[string]any {
	return map[string]any{
		"cniVersion": "1.0.0",
		"name":       "slipway",
		"plugins": []map[string]any{
			{
				"type": "bridge", "bridge": "cni0", "isGateway": true, "hairpinMode": true, "ipMasq": false,
				"ipam": map[string]any{
					"type":   "host-local",
					"ranges": [][]map[string]string{{{"subnet": pods}}},
					"routes": []map[string]string{{"dst": "0.0.0.0/0"}},
				},
			},
			{"type": "portmap", "capabilities": map[string]bool{"portMappings": true}, "snat": true},
		},
	}
}
