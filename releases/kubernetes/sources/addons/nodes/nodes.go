// Package nodes is what the programs that look after nodes share.
package nodes

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/tools/cache"
)

// Changes has something to receive once the informers have told of a change, however many, since it was received from last.
func Changes(informers ...cache.SharedIndexInformer) <-chan struct{} {
	changed := make(chan struct{}, 1)
	wake := func() {
		select {
		case changed <- struct{}{}:
		default:
		}
	}
	for _, informer := range informers {
		informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
			AddFunc:    func(any) { wake() },
			UpdateFunc: func(any, any) { wake() },
			DeleteFunc: func(any) { wake() },
		})
	}
	return changed
}

// Complaint says why a node is not ready; it is empty for one that is.
func Complaint(node *corev1.Node) string {
	for _, condition := range node.Status.Conditions {
		if condition.Type != corev1.NodeReady {
			continue
		}
		if condition.Status == corev1.ConditionTrue {
			return ""
		}
		return condition.Reason + ": " + condition.Message
	}
	return "its kubelet has not said yet"
}
