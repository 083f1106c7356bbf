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
)

const pause = time.Second

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

// run looks once a second: instances come and go by a file that the agent replaces.
func run(ctx context.Context, a *admission, read func() (map[string]instance, error)) {
	factory := informers.NewSharedInformerFactory(a.client, 0)
	nodes := factory.Core().V1().Nodes()
	requests := factory.Certificates().V1().CertificateSigningRequests()
	ofTokens := informers.NewSharedInformerFactoryWithOptions(a.client, 0, informers.WithNamespace(tokenNamespace),
		informers.WithTweakListOptions(func(options *metav1.ListOptions) { options.LabelSelector = tokenLabel }))
	tokens := ofTokens.Core().V1().Secrets()
	synced := []cache.InformerSynced{nodes.Informer().HasSynced, requests.Informer().HasSynced, tokens.Informer().HasSynced}
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
			now.nodes, _ = nodes.Lister().List(labels.Everything())
			now.requests, _ = requests.Lister().List(labels.Everything())
			now.tokens, _ = tokens.Lister().List(labels.Everything())
			a.reconcile(ctx, instances, now)
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
	}
}
