package main

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"
)

func nodeThat(status corev1.ConditionStatus, message string) *corev1.Node {
	node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "worker-0"}}
	node.Status.Conditions = []corev1.NodeCondition{
		{Type: corev1.NodeDiskPressure, Status: corev1.ConditionFalse},
		{Type: corev1.NodeReady, Status: status, Reason: "KubeletSays", Message: message},
	}
	return node
}

func TestOnlyWhatTheApiSaysNowMakesANodeUnready(t *testing.T) {
	ready, unready := nodeThat(corev1.ConditionTrue, ""), nodeThat(corev1.ConditionFalse, "PLEG is not healthy")
	for _, c := range []struct {
		name              string
		heard, now        *corev1.Node
		asked, apiIsThere bool
		status            int
		says              string
	}{
		{"ready", ready, unready, false, true, 200, "ready"},
		{"not ready", unready, unready, true, true, 503, "worker-0 is not ready: KubeletSays: PLEG is not healthy"},
		{"its kubelet is silent", unready, nodeThat(corev1.ConditionUnknown, "stopped posting"), true, true, 503, "stopped posting"},
		{"ready again, not heard yet", unready, ready, true, true, 200, "ready"},
		{"nobody to ask", unready, unready, true, false, 200, "the API did not say: no route to it"},
		{"nothing heard yet", nil, ready, true, true, 200, "ready"},
		{"taken out of the cluster", nil, nil, true, true, 503, "the cluster has no node worker-0"},
		{"new", nil, &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "worker-0"}}, true, true, 503, "has not said yet"},
	} {
		t.Run(c.name, func(t *testing.T) {
			client := fake.NewSimpleClientset()
			if c.now != nil {
				client = fake.NewSimpleClientset(c.now)
			}
			if !c.apiIsThere {
				client.PrependReactor("get", "nodes", func(clienttesting.Action) (bool, runtime.Object, error) {
					return true, nil, errors.New("no route to it")
				})
			}
			answer := httptest.NewRecorder()
			handler := &readiness{client: client, node: "worker-0", heard: func() *corev1.Node { return c.heard }}
			handler.ServeHTTP(answer, httptest.NewRequest("GET", "/node-ready", nil))
			if answer.Code != c.status || !strings.Contains(answer.Body.String(), c.says) {
				t.Errorf("%d %q, not %d with %q", answer.Code, answer.Body.String(), c.status, c.says)
			}
			if asked := len(client.Actions()) > 0; asked != c.asked {
				t.Errorf("asked the API: %v, not %v", asked, c.asked)
			}
		})
	}
}

func TestItIsServedUntilTheEnd(t *testing.T) {
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := free.Addr().String()
	free.Close()
	ctx, end := context.WithCancel(context.Background())
	handler := http.HandlerFunc(func(writer http.ResponseWriter, _ *http.Request) { io.WriteString(writer, "asked") })
	if err = serve(ctx, address, handler); err != nil {
		t.Fatal(err)
	}
	if serve(ctx, address, handler) == nil {
		t.Error("two on one address")
	}
	for path, status := range map[string]int{"/node-ready": 200, "/": 404} {
		answer, err := http.Get("http://" + address + path)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if answer.StatusCode != status {
			t.Errorf("%s: %d", path, answer.StatusCode)
		}
	}
	end()
	for i := 0; i < 100; i++ {
		if _, err = http.Get("http://" + address + "/node-ready"); err != nil {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Error("it goes on after the end")
}
