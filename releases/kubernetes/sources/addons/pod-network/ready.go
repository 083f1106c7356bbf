package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/klog/v2"

	"slipway/addons/nodes"
)

// An API that takes longer says nothing about this node.
const apiPatience = 3 * time.Second

// readiness answers whether this node is ready: with status 503 and the reason when the API says now that it is not, else
// with 200. An API that cannot be asked is no fault of this node.
type readiness struct {
	client kubernetes.Interface
	node   string
	// What was heard last of the node, nil for nothing: good news are believed, bad ones asked about again.
	heard func() *corev1.Node
}

func (r *readiness) ServeHTTP(writer http.ResponseWriter, request *http.Request) {
	if node := r.heard(); node != nil && nodes.Complaint(node) == "" {
		fmt.Fprintln(writer, "ready")
		return
	}
	ctx, cancel := context.WithTimeout(request.Context(), apiPatience)
	defer cancel()
	node, err := r.client.CoreV1().Nodes().Get(ctx, r.node, metav1.GetOptions{})
	switch {
	case apierrors.IsNotFound(err):
		http.Error(writer, "the cluster has no node "+r.node, http.StatusServiceUnavailable)
	case err != nil:
		fmt.Fprintln(writer, "the API did not say:", err)
	default:
		if why := nodes.Complaint(node); why != "" {
			http.Error(writer, r.node+" is not ready: "+why, http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(writer, "ready")
	}
}

// serve answers on the address until the context ends.
func serve(ctx context.Context, address string, handler http.Handler) error {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	routes := http.NewServeMux()
	routes.Handle("GET /node-ready", handler)
	server := &http.Server{Handler: routes, ReadTimeout: 5 * time.Second, WriteTimeout: 10 * time.Second, MaxHeaderBytes: 4096}
	go func() {
		<-ctx.Done()
		server.Close()
	}()
	go func() {
		if err := server.Serve(listener); err != http.ErrServerClosed {
			klog.ErrorS(err, "cannot answer any more", "address", address)
		}
	}()
	return nil
}
