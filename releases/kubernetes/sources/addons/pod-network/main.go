// pod-network keeps a node's routes to the pods of all other nodes, and tells the container runtime
// which addresses this node's own pods get. The controller manager gives each node its range. As it hears of all nodes, it
// also tells whoever asks on the node whether this one is ready.
//
// Pods' packets travel unwrapped, so the nodes must share a network segment.
package main

import (
	"context"
	"flag"
	"os"
	"os/signal"
	"syscall"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/klog/v2"

	"slipway/addons/nodes"
)

// A look now and then mends what somebody else changed.
const lookAgain = 30 * time.Second

func main() {
	kubeconfig := flag.String("kubeconfig", "", "how to reach the API")
	node := flag.String("node", "", "this node's name; empty on a machine that is none and only needs the routes")
	cniConfig := flag.String("cni-config", "", "file to write the container runtime's network configuration to")
	readyAddress := flag.String("ready-address", "", "where to answer /node-ready, which tells whether this node is ready")
	klog.InitFlags(nil)
	flag.Parse()
	config, err := clientcmd.BuildConfigFromFlags("", *kubeconfig)
	if err != nil {
		klog.ErrorS(err, "cannot read the kubeconfig", "file", *kubeconfig)
		os.Exit(1)
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		klog.ErrorS(err, "cannot make a client of the kubeconfig", "file", *kubeconfig)
		os.Exit(1)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	factory := informers.NewSharedInformerFactory(client, 0)
	known := factory.Core().V1().Nodes()
	if *readyAddress != "" {
		heard := func() *corev1.Node {
			found, _ := known.Lister().Get(*node)
			return found
		}
		if err = serve(ctx, *readyAddress, &readiness{client: client, node: *node, heard: heard}); err != nil {
			klog.ErrorS(err, "cannot listen", "address", *readyAddress)
			os.Exit(1)
		}
	}
	follow(ctx, factory, known.Informer(), &network{node: *node, cniConfig: *cniConfig})
}

// follow applies the nodes' ranges whenever they change, until the context ends.
func follow(ctx context.Context, factory informers.SharedInformerFactory, informer cache.SharedIndexInformer, network *network) {
	changed := nodes.Changes(informer)
	factory.Start(ctx.Done())
	if !cache.WaitForCacheSync(ctx.Done(), informer.HasSynced) {
		return
	}
	ticker := time.NewTicker(lookAgain)
	defer ticker.Stop()
	for {
		network.apply(informer.GetStore().List())
		select {
		case <-ctx.Done():
			return
		case <-changed:
		case <-ticker.C:
		}
	}
}
