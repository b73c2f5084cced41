package cloudwatch

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
)

// run sends what waits at each interval, and as soon as a batch is full, unless CloudWatch has just been unable to take one.
func (p *Publisher) run() {
	defer close(p.ended)
	ticker := time.NewTicker(p.options.Interval)
	defer ticker.Stop()
	able := true
	for {
		select {
		case <-p.full:
			if able {
				able = p.flush(MaxBatch)
			}
		case <-ticker.C:
			able = p.flush(1)
		case <-p.closing:
			p.flush(1)
			p.count(Stats{Dropped: int64(p.queue.close())})
			return
		}
	}
}

// flush sends batches while at least so many samples wait. It returns false if CloudWatch is not able to take them now.
func (p *Publisher) flush(least int) bool {
	for p.queue.waiting() >= least {
		batch := p.queue.take(MaxBatch)
		err := p.send(batch)
		switch {
		case err == nil:
			p.count(Stats{Published: int64(len(batch))})
		case refused(err):
			p.count(Stats{Failed: int64(len(batch))})
			p.complain(slog.LevelError, "CloudWatch refuses samples; check the credentials, their permission for cloudwatch:PutMetricData, and this host's clock", err, "samples", len(batch))
		default:
			p.count(Stats{Dropped: int64(p.queue.putBack(batch))})
			p.complain(slog.LevelWarn, trouble(err), err, "waiting", p.queue.waiting())
			return false
		}
	}
	return true
}

func (p *Publisher) send(batch []Sample) error {
	ctx, cancel := context.WithTimeout(p.ctx, p.options.Timeout)
	defer cancel()
	data := make([]types.MetricDatum, len(batch))
	for i := range batch {
		data[i] = p.places.datum(&batch[i])
	}
	_, err := p.client.PutMetricData(ctx, &cloudwatch.PutMetricDataInput{Namespace: aws.String(namespace), MetricData: data})
	return err
}

// refused reports whether the same request would fail again: it has a 4xx status, and is none that the SDK retries, as it does
// when it is throttled.
func refused(err error) bool {
	response, ok := errors.AsType[*awshttp.ResponseError](err)
	if !ok || retry.IsErrorRetryables(retry.DefaultRetryables).IsErrorRetryable(err) == aws.TrueTernary {
		return false
	}
	status := response.HTTPStatusCode()
	return status >= http.StatusBadRequest && status < http.StatusInternalServerError
}
