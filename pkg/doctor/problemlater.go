// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package doctor

import "github.com/hookstrap/hookstrap/internal/fault"

// The identifiers of what goes wrong later.
const (
	IDLeafEnds        = "certificate-ends-soon"
	IDCAEnds          = "ca-ends-soon"
	IDTwoManagers     = "ca-bundle-two-managers"
	IDByManifest      = "ca-bundle-by-manifest"
	IDStoredDiffers   = "stored-ca-differs"
	IDOlderThanStored = fault.OlderThanStored
	IDTimeoutLong     = "timeout-long"
	IDTimeoutsAddUp   = "timeouts-add-up"
	IDRulesAll        = "rules-match-everything"
	IDCoreKind        = "core-kind-depends"
	IDConditionFails  = "match-condition-fails"
	IDNotAsked        = "rule-without-effect"
	IDFailsOpen       = "fails-open"
	IDFoughtOver      = "ca-bundle-fought-over"
	IDWrittenOnce     = "ca-bundle-written-once"
	IDBundleRendered  = "ca-bundle-made-at-render"
	IDBundleKeyEmpty  = "ca-bundle-key-empty"
	IDBundleLater     = "ca-bundle-filled-later"
	IDRulesEmpty      = "rules-empty"
	IDRulesWide       = "rules-wide"
	IDSideEffects     = "side-effects-in-dry-run"
	IDReinvocation    = "reinvocation-never"
	IDConditionFalse  = "match-condition-never-holds"
	IDConditionTrue   = "match-condition-always-holds"
	IDConditionNull   = "match-condition-on-null"
	IDColdCycle       = "cold-start-cycle"
	IDColdCondition   = "cold-start-cycle-conditional"
	IDNodeLoss        = "node-loss-cycle"

	IDNodeLossCondition = "node-loss-cycle-conditional"
)

// trustLater are those by which certificates and CAs fail later.
func trustLater() []Problem {
	return []Problem{
		{
			ID: IDLeafEnds, Severity: Warning,
			Title: "The certificate that the server presents ends soon: within a week, and a tenth of its lifetime.",
			Why:   "Nothing has renewed it when it should have been. When it ends, every call fails.",
			Fix:   "Find out why what issued it does not renew it, and whether the server reads a renewed one.",
		},
		{
			ID: IDCAEnds, Severity: Warning,
			Title: "The CAs in the caBundle that verify the certificate end soon: within a week, and a tenth of their lifetime.",
			Why:   "When they end, every call fails, also if the certificate is valid for longer.",
			Fix:   "Make a new CA, and have both in the caBundle until the new certificate is served.",
		},
		{
			ID: IDTwoManagers, Severity: Warning,
			Title: "Two field managers own the caBundle.",
			Why:   "Each writes its own CA when it runs. As soon as they differ, calls fail until the other one has run.",
			Fix:   "Have one of them leave the field out: remove caBundle from the manifest, or the controller's annotation.",
		},
		{
			ID: IDFoughtOver, Severity: Warning,
			Title: "Two programs write the caBundle in turn.",
			Why:   "Each puts back its own CA when the other one has written. Calls fail in between.",
			Fix:   "Have all but one of the field managers leave caBundle out.",
		},
		{
			ID: IDWrittenOnce, Severity: Info,
			Title: "A Job of kube-webhook-certgen has written the caBundle.",
			Why:   "It makes the certificate once, and no program renews it.",
			Fix:   "Run the Job again before the CA ends, or have cert-manager issue the certificate.",
		},
		{
			ID: IDByManifest, Severity: Info,
			Title: "The caBundle comes from a manifest, and not from a controller.",
			Why: "Nothing renews it, and a chart that makes its CA with genCA makes another one each time it is rendered, so " +
				"that the caBundle and the server's certificate part.",
			Fix: "Have a controller write the caBundle, and leave the field out of the manifest.",
		},
		{
			ID: IDStoredDiffers, Severity: Warning,
			Title: "The Secret from which the caBundle is filled, or whose certificate the server has, has another CA than " +
				"the caBundle.",
			Why: "Once the server presents a certificate of that CA, every call fails.",
			Fix: "Look at what fills the caBundle: cert-manager's cainjector or a Job of kube-webhook-certgen, for instance.",
		},
		{
			ID: IDOlderThanStored, Severity: Warning,
			Title: "The server presents an older certificate than its Secret has.",
			Why:   "It does not read a renewed certificate, so that calls fail when the old one ends.",
			Fix:   "Restart the server's Pods, and have the server read its files again when they change.",
		},
	}
}

// ruleProblems are those of what an entry is asked about.
func ruleProblems() []Problem {
	return []Problem{
		{
			ID: IDTimeoutLong, Severity: Warning,
			Title: "A webhook for Pods or another core kind has a timeout of more than 15 seconds.",
			Why:   "If its server hangs, each request takes that long, and clients give up before the API server does.",
			Fix:   "Set timeoutSeconds: 5.",
		},
		{
			ID: IDTimeoutsAddUp, Severity: Warning,
			Title: "The timeouts of the webhooks that are asked about Pods add up to more than 60 seconds.",
			Why: "Mutating webhooks are asked one after the other. If their servers hang, the request ends after 60 seconds " +
				"by default, whatever the failure policies say.",
			Fix: "Set shorter timeoutSeconds.",
		},
		{
			ID: IDRulesAll, Severity: Warning,
			Title: "A webhook that fails closed is asked about everything.",
			Why: "While it cannot be called, nothing can be written: no Lease, no node's status, and nothing that would " +
				"bring it back.",
			Fix: "Name the resources in its rules, and leave out kube-system and its own namespace with a namespaceSelector.",
		},
		{
			ID: IDCoreKind, Severity: Warning,
			Title: "A webhook that fails closed is asked about all objects of a core kind.",
			Why:   "While it cannot be called, no object of that kind can be written in any namespace, kube-system included.",
			Fix: "Leave out kube-system and its own namespace with a namespaceSelector, or use an objectSelector. Name no " +
				"nodes in its rules: a namespaceSelector leaves none out.",
		},
	}
}

// askedProblems are those of what an entry is asked about in vain, too often, or too early.
func askedProblems() []Problem {
	return []Problem{
		{
			ID: IDRulesEmpty, Severity: Info,
			Title: "The entry has no rules.",
			Why: "The webhook is asked about nothing, unless its server writes rules when it runs. What it writes is not " +
				"in the manifest.",
			Fix: "See whether the server fills its rules; otherwise remove the entry.",
		},
		{
			ID: IDRulesWide, Severity: Info,
			Title: "A rule is about all groups, or all resources.",
			Why: "The webhook is asked about Leases, Events and the status of objects as well, many times a second. Each of " +
				"these requests waits for it.",
			Fix: "Name the groups and resources that the server judges.",
		},
		{
			ID: IDSideEffects, Severity: Warning,
			Title: "A webhook says that it has side effects, or that it may have some.",
			Why: "The API server refuses each dry run that its rules match: kubectl diff, kubectl apply " +
				"--dry-run=server, and what GitOps tools compare.",
			Seen: "admission webhook does not support dry run",
			Fix:  "Set sideEffects: None, or NoneOnDryRun if the server obeys dryRun.",
		},
		{
			ID: IDReinvocation, Severity: Info,
			Title: "A mutating webhook is asked about Pods before another one, and not again after it.",
			Why:   "It does not see the containers and fields that the other one adds.",
			Fix:   "Set reinvocationPolicy: IfNeeded if it has to see what others change. It has to be idempotent then.",
		},
		{
			ID: IDNotAsked, Severity: Warning,
			Title: "A rule names resources about which no webhook is asked.",
			Why: "The API server asks no webhook about webhook configurations and admission policies, and from Kubernetes " +
				"1.37 on not about TokenReviews, SubjectAccessReviews and their like. Where the version is not known, those of " +
				"the second kind are an info.",
			Fix: "Remove the resource from the rule. For webhook configurations, use a ValidatingAdmissionPolicy.",
		},
	}
}

// conditionProblems are those of match conditions.
func conditionProblems() []Problem {
	return []Problem{
		{
			ID: IDConditionFails, Severity: Error,
			Title: "A match condition reads namespaceObject, which a webhook's conditions do not have.",
			Why: "The condition fails for every object: with failurePolicy Fail every request is refused, with Ignore the " +
				"webhook is never asked. The API server accepts it all the same.",
			Fix: "Use a namespaceSelector.",
		},
		{
			ID: IDConditionFalse, Severity: Error,
			Title: "A match condition never holds.",
			Why:   "The webhook is never asked, and the API server does not say so.",
			Fix:   "Correct the condition. To go by the labels of namespaces, use a namespaceSelector.",
		},
		{
			ID: IDConditionTrue, Severity: Warning,
			Title: "A match condition holds for every object, because it asks for namespaceObject.",
			Why:   "The webhook is asked about what the condition is meant to leave out.",
			Fix:   "Use a namespaceSelector.",
		},
		{
			ID: IDConditionNull, Severity: Warning,
			Title: "A match condition reads object when something is deleted, or oldObject when it is created.",
			Why: "It is null then, so that the condition fails: with failurePolicy Fail the request is refused, with " +
				"Ignore the " +
				"webhook is not asked.",
			Fix: "Add request.operation == 'DELETE' || (or 'CREATE') in front, or take the operation out of the rules.",
		},
	}
}

// manifestProblems are those of a caBundle in a manifest.
func manifestProblems() []Problem {
	return []Problem{
		{
			ID: IDBundleRendered, Severity: Warning,
			Title: "The manifests were rendered with a CA that was made by rendering them.",
			Why: "Each rendering makes another one (Helm's genCA). Where GitOps renders and applies all the time, the " +
				"caBundle " +
				"and the certificate of the running server part.",
			Fix: "Have cert-manager or the server make the certificate, and leave caBundle out of the template.",
		},
		{
			ID: IDBundleKeyEmpty, Severity: Warning,
			Title: "The manifest has the key caBundle without a value.",
			Why:   "To apply it again empties the caBundle that a controller has filled, or is a conflict.",
			Fix:   "Remove the key.",
		},
		{
			ID: IDBundleLater, Severity: Info,
			Title: "The manifest has no caBundle, and no annotation by which cert-manager fills it.",
			Why: "Until the server fills it, no call succeeds. A conversion without a CA blocks all reads in the other " +
				"versions.",
			Fix: "Have the server fill it, or annotate the object for cert-manager.",
		},
	}
}

// admissionLater are those of a webhook that is not there.
func admissionLater() []Problem {
	return []Problem{
		{
			ID: IDFailsOpen, Severity: Info,
			Title: "A validating webhook fails open.",
			Why:   "While it cannot be called, everything passes unseen; someone who can keep it from answering passes as well.",
			Fix:   "If it is there to protect, set failurePolicy: Fail, with narrow rules.",
		},
		{
			ID: IDColdCycle, Severity: Error,
			Title: "After all its Pods are gone, the webhook does not come back.",
			Why: "What it needs to come back is refused by a webhook that fails closed and is not there either: itself, or " +
				"one that waits for it. Only deleting the webhook configuration by hand ends that.",
			Fix: "Leave the namespace of the server out of the rules with a namespaceSelector.",
		},
		{
			ID: IDColdCondition, Severity: Warning,
			Title: "After all its Pods are gone, the webhook may not come back, depending on match conditions.",
			Why: "The same as for cold-start-cycle, if the match conditions of the entries are met. They are not evaluated " +
				"here.",
			Fix: "Leave the namespace of the server out of the rules with a namespaceSelector.",
		},
		{
			ID: IDNodeLoss, Severity: Error,
			Title: "After the loss of one node, the webhook does not come back.",
			Why: "All its ready Pods are on that node. What it takes to replace them is refused by a webhook that fails " +
				"closed, and whose server was on that node as well. After all Pods are gone, it would come back.",
			Fix: "Leave the namespace of the server out of the rules, or run its Pods on two nodes (podAntiAffinity).",
		},
		{
			ID: IDNodeLossCondition, Severity: Warning,
			Title: "After the loss of one node, the webhook may not come back, depending on match conditions.",
			Why: "The same as for node-loss-cycle, if the match conditions of the entries are met. They are not evaluated " +
				"here.",
			Fix: "Leave the namespace of the server out of the rules, or run its Pods on two nodes (podAntiAffinity).",
		},
	}
}
