// node-admission lets exactly the deployment's instances become nodes: it makes each one a bootstrap
// token that lives until the node is ready, approves the certificates kubelets ask for when they are
// the node's own, and deletes nodes whose instances are gone.
package main

import (
	"context"
	"flag"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/klog/v2"

	"slipway/addons/nodes"
)

const (
	pause           = time.Second
	permissionPause = 200 * time.Millisecond
)

func main() {
	kubeconfig := flag.String("kubeconfig", "", "how to reach the API")
	recordsFile := flag.String("records", "/var/vcap/instance/dns/records.json", "the director's names of instances")
	deployment := flag.String("deployment", "", "the deployment whose instances are nodes")
	group := flag.String("group", "worker", "the instance group whose instances are nodes")
	secretFile := flag.String("secret-file", "", "file with the secret that bootstrap tokens are made of")
	klog.InitFlags(nil)
	flag.Parse()
	secret, err := os.ReadFile(*secretFile)
	if err != nil {
		fail(err, "cannot read the secret")
	}
	config, err := clientcmd.BuildConfigFromFlags("", *kubeconfig)
	if err != nil {
		fail(err, "cannot read the kubeconfig")
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		fail(err, "cannot make a client of the kubeconfig")
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	a := &admission{client: client, secret: []byte(strings.TrimSpace(string(secret))), told: map[string]bool{}}
	run(ctx, a, func() (map[string]instance, error) { return readInstances(*recordsFile, *deployment, *group) })
}

func fail(err error, what string) {
	klog.ErrorS(err, what)
	os.Exit(1)
}

// awaitPermission returns when the API answers and gives us what we watch. A new cluster knows us a moment after it answers
// first, and informers that were refused ask again after seconds.
func awaitPermission(ctx context.Context, client kubernetes.Interface) {
	one := metav1.ListOptions{Limit: 1}
	lists := []func() error{
		func() error { _, err := client.CoreV1().Nodes().List(ctx, one); return err },
		func() error {
			_, err := client.CertificatesV1().CertificateSigningRequests().List(ctx, one)
			return err
		},
		func() error { _, err := client.CoreV1().Secrets(tokenNamespace).List(ctx, one); return err },
	}
	for said := ""; len(lists) > 0 && ctx.Err() == nil; {
		err := lists[0]()
		if err == nil {
			lists = lists[1:]
			continue
		}
		if err.Error() != said {
			said = err.Error()
			klog.InfoS("the API does not let us in yet", "err", said)
		}
		select {
		case <-ctx.Done():
		case <-time.After(permissionPause):
		}
	}
}

// run looks whenever the API tells of a change, and once a second: instances come and go by a file that the agent replaces.
func run(ctx context.Context, a *admission, read func() (map[string]instance, error)) {
	factory := informers.NewSharedInformerFactory(a.client, 0)
	members := factory.Core().V1().Nodes()
	requests := factory.Certificates().V1().CertificateSigningRequests()
	ofTokens := informers.NewSharedInformerFactoryWithOptions(a.client, 0, informers.WithNamespace(tokenNamespace),
		informers.WithTweakListOptions(func(options *metav1.ListOptions) { options.LabelSelector = tokenLabel }))
	tokens := ofTokens.Core().V1().Secrets()
	changed := nodes.Changes(members.Informer(), requests.Informer(), tokens.Informer())
	awaitPermission(ctx, a.client)
	synced := []cache.InformerSynced{members.Informer().HasSynced, requests.Informer().HasSynced, tokens.Informer().HasSynced}
	factory.Start(ctx.Done())
	ofTokens.Start(ctx.Done())
	if !cache.WaitForCacheSync(ctx.Done(), synced...) {
		return
	}
	for {
		instances, err := read()
		if err != nil {
			klog.ErrorS(err, "cannot read the names of instances")
		} else {
			var now state
			now.nodes, _ = members.Lister().List(labels.Everything())
			now.requests, _ = requests.Lister().List(labels.Everything())
			now.tokens, _ = tokens.Lister().List(labels.Everything())
			a.reconcile(ctx, instances, now)
		}
		select {
		case <-ctx.Done():
			return
		case <-changed:
		case <-time.After(pause):
		}
	}
}
