package main

import (
	"context"
	"log/slog"
	"time"

	"github.com/seed-aa7fe5b5/xk6-mconnect/server/cloudwatch"
	"github.com/seed-aa7fe5b5/xk6-mconnect/server/mesh"
	"github.com/seed-aa7fe5b5/xk6-mconnect/server/program"
)

const (
	// findAWS is the time for credentials that are not in the environment, but with the machine or pod.
	findAWS = 15 * time.Second
	// lastFlush is the time for what has not been published when the server ends.
	lastFlush = 5 * time.Second
)

// startCloudWatch begins to publish pings.
func startCloudWatch(log *slog.Logger) (program.CloudWatch, error) {
	ctx, cancel := context.WithTimeout(context.Background(), findAWS)
	defer cancel()
	publisher, err := cloudwatch.New(ctx, cloudwatch.Options{Log: log})
	if err != nil {
		return program.CloudWatch{}, err
	}
	return program.CloudWatch{
		Publish: func(p mesh.Ping) {
			publisher.Publish(cloudwatch.Sample{Time: p.Start, From: p.From, To: p.To, Status: p.Code(), Connect: p.Connect})
		},
		Collector: publisher,
		Close:     func() { closeCloudWatch(publisher, log) },
	}, nil
}

func closeCloudWatch(publisher *cloudwatch.Publisher, log *slog.Logger) {
	ctx, cancel := context.WithTimeout(context.Background(), lastFlush)
	defer cancel()
	publisher.Close(ctx)
	stats := publisher.Stats()
	log.Info("CloudWatch ended", "published", stats.Published, "dropped", stats.Dropped, "failed", stats.Failed)
}
