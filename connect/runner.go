package connect

// retryNs is the pause before a descriptor is asked for again when there was none.
const retryNs = 1e6

// runner makes the connections of a job, and does with them what its activity wants.
type runner interface {
	// start begins, and returns without waiting.
	start() error
	// settled is closed when nothing is left to dial and nothing is dialling.
	settled() <-chan struct{}
	// done is closed when, besides, no connection is open.
	done() <-chan struct{}
	// stop dials no more, and ends what is dialling and what is established with the classes given; ClassNone means that it is completed.
	stop(dialling, established Class)
	// close frees what start took, once done is closed.
	close()
}
