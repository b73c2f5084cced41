// Package cloudwatch publishes pings to Amazon CloudWatch as pingmesh does: one datum per ping, in batches, in the background.
//
// Only the command mconnect-server imports it, so that neither k6 nor other users of package server carry the AWS SDK.
package cloudwatch

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
)

// What an option is when it has its zero value.
const (
	DefaultInterval = 10 * time.Second
	DefaultQueue    = 20_000
	DefaultTimeout  = 30 * time.Second

	// MaxBatch is how many data PutMetricData takes at once.
	MaxBatch = 1000
)

// Options are what a publisher is started with. The zero value makes sense. Region, credentials and endpoint come from the
// environment, as for every program that uses the AWS SDK: AWS_REGION, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and others.
type Options struct {
	Interval time.Duration // between two calls, unless MaxBatch samples are there sooner
	Queue    int           // most samples that wait; the oldest are dropped
	Timeout  time.Duration // of one call, its retries included
	Log      *slog.Logger  // gets what goes wrong; nil is no log
}

// Stats are totals. Of the samples that were given to Publish, all that are in none of these wait.
type Stats struct {
	Published int64 // taken by CloudWatch
	Dropped   int64 // not sent, since CloudWatch was too slow or the publisher closed
	Failed    int64 // refused by CloudWatch
}

// Publisher sends samples to CloudWatch. Its methods may be called from several goroutines.
type Publisher struct {
	options Options
	client  *cloudwatch.Client
	place   place
	queue   queue
	places  places

	mu    sync.Mutex
	stats Stats

	full    chan struct{} // a whole batch waits
	closing chan struct{} // closed by Close
	once    sync.Once
	ctx     context.Context // of the calls
	cancel  context.CancelFunc
	ended   chan struct{} // closed when the goroutine has ended
}

// New checks that there are a region and credentials, and starts a publisher.
func New(ctx context.Context, options Options) (*Publisher, error) {
	options.complete()
	aws, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return nil, fmt.Errorf("AWS configuration: %w; check the AWS_ variables, and the files of the AWS command line if there are any", err)
	}
	if aws.Region == "" {
		return nil, errors.New("AWS region: none is set; set AWS_REGION, such as AWS_REGION=eu-central-1")
	}
	if _, err := aws.Credentials.Retrieve(ctx); err != nil {
		return nil, fmt.Errorf("AWS credentials: %w; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or give this host or pod a role", err)
	}
	client := cloudwatch.NewFromConfig(aws)
	at, err := placeOf(ctx, client)
	if err != nil {
		return nil, err
	}
	p := &Publisher{
		options: options,
		client:  client,
		place:   at,
		queue:   queue{most: options.Queue},
		full:    make(chan struct{}, 1), closing: make(chan struct{}), ended: make(chan struct{}),
	}
	p.ctx, p.cancel = context.WithCancel(context.WithoutCancel(ctx))
	options.Log.Info("CloudWatch on", "region", at.region, "endpoint", at.endpoint, "namespace", namespace)
	go p.run()
	return p, nil
}

func (o *Options) complete() {
	if o.Interval <= 0 {
		o.Interval = DefaultInterval
	}
	if o.Queue <= 0 {
		o.Queue = DefaultQueue
	}
	if o.Timeout <= 0 {
		o.Timeout = DefaultTimeout
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
}

// Publish queues a sample. It never blocks: if the queue is full, the oldest sample is dropped, and after Close this one.
func (p *Publisher) Publish(s Sample) {
	waiting, dropped := p.queue.add(s)
	p.count(Stats{Dropped: int64(dropped)})
	if waiting >= MaxBatch {
		select {
		case p.full <- struct{}{}:
		default: // told already
		}
	}
}

// Close sends what waits, until ctx is done; what is left then is dropped. It returns when the publisher has ended.
func (p *Publisher) Close(ctx context.Context) {
	p.once.Do(func() { close(p.closing) })
	stop := context.AfterFunc(ctx, p.cancel)
	defer stop()
	<-p.ended
	p.cancel()
}

// Stats are the totals so far.
func (p *Publisher) Stats() Stats {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.stats
}

func (p *Publisher) count(more Stats) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stats.Published += more.Published
	p.stats.Dropped += more.Dropped
	p.stats.Failed += more.Failed
}
