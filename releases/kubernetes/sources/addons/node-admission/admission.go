package main

import (
	"context"
	"time"

	certificates "k8s.io/api/certificates/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/klog/v2"

	"slipway/addons/nodes"
)

const (
	tokenNamespace = "kube-system"
	tokenLabel     = "slipway.io/bootstrap-token"
	tokenGroup     = "system:bootstrappers:slipway"
	tokenLifetime  = 30 * time.Minute
)

// What the cluster has now.
type state struct {
	nodes    []*corev1.Node
	requests []*certificates.CertificateSigningRequest
	tokens   []*corev1.Secret
}

type admission struct {
	client kubernetes.Interface
	secret []byte
	told   map[string]bool // names of requests whose refusal was logged
}

// reconcile brings tokens, requests and nodes in line with the deployment's instances. Masters
// do it side by side: every step is one that may be done twice.
func (a *admission) reconcile(ctx context.Context, instances map[string]instance, now state) {
	ready := map[string]bool{}
	for _, node := range now.nodes {
		ready[node.Name] = nodes.Complaint(node) == ""
	}
	a.keepTokens(ctx, instances, ready, now.tokens)
	for _, request := range now.requests {
		a.answer(ctx, instances, request)
	}
	for _, node := range now.nodes {
		// An instance that is gone for good: its VM cannot delete the node itself.
		if _, wanted := instances[node.Name]; !wanted && !ready[node.Name] && len(instances) != 0 {
			err := a.client.CoreV1().Nodes().Delete(ctx, node.Name, metav1.DeleteOptions{})
			klog.InfoS("deleted the node of an instance that is gone", "node", node.Name, "err", err)
		}
	}
}

// There is a token exactly while its node is not ready: once used, it is worth nothing.
func (a *admission) keepTokens(ctx context.Context, instances map[string]instance, ready map[string]bool, present []*corev1.Secret) {
	secrets := a.client.CoreV1().Secrets(tokenNamespace)
	wanted := map[string]instance{}
	for _, one := range instances {
		if !ready[one.node] {
			wanted["bootstrap-token-"+one.tokenID()] = one
		}
	}
	for _, token := range present {
		if _, ok := wanted[token.Name]; ok {
			delete(wanted, token.Name)
			continue
		}
		// What was deleted already is only not yet seen to be gone.
		if err := secrets.Delete(ctx, token.Name, metav1.DeleteOptions{}); !apierrors.IsNotFound(err) {
			klog.InfoS("deleted a bootstrap token", "node", token.Labels[tokenLabel], "err", err)
		}
	}
	for name, one := range wanted {
		_, err := secrets.Create(ctx, a.token(name, one), metav1.CreateOptions{})
		if err == nil || !apierrors.IsAlreadyExists(err) {
			klog.InfoS("made a bootstrap token", "node", one.node, "err", err)
		}
	}
}

func (a *admission) token(name string, one instance) *corev1.Secret {
	return &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: tokenNamespace, Labels: map[string]string{tokenLabel: one.node}},
		Type:       corev1.SecretTypeBootstrapToken,
		StringData: map[string]string{
			"token-id":                       one.tokenID(),
			"token-secret":                   one.tokenSecret(a.secret),
			"expiration":                     time.Now().Add(tokenLifetime).UTC().Format(time.RFC3339),
			"usage-bootstrap-authentication": "true",
			"auth-extra-groups":              tokenGroup,
		},
	}
}

func (a *admission) answer(ctx context.Context, instances map[string]instance, request *certificates.CertificateSigningRequest) {
	if len(request.Status.Conditions) != 0 || len(request.Status.Certificate) != 0 {
		return
	}
	ours, err := judge(request, instances)
	if !ours {
		return
	}
	if err != nil {
		if !a.told[request.Name] {
			a.told[request.Name] = true
			klog.InfoS("left a certificate request unanswered", "request", request.Name, "why", err)
		}
		return
	}
	approved := request.DeepCopy()
	approved.Status.Conditions = append(approved.Status.Conditions, certificates.CertificateSigningRequestCondition{
		Type: certificates.CertificateApproved, Status: corev1.ConditionTrue, Reason: "Instance",
		Message: "the node is an instance of this deployment",
	})
	_, err = a.client.CertificatesV1().CertificateSigningRequests().UpdateApproval(ctx, request.Name, approved, metav1.UpdateOptions{})
	klog.InfoS("approved a certificate request", "request", request.Name, "for", request.Spec.SignerName, "by", request.Spec.Username, "err", err)
}
