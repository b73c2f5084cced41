package cloudwatch

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// place is where samples go, for those who have to find out why they do not.
type place struct{ region, endpoint string }

// placeOf asks the SDK's own rules, which the client follows too.
func placeOf(ctx context.Context, client *cloudwatch.Client) (place, error) {
	o := client.Options()
	endpoint, err := o.EndpointResolverV2.ResolveEndpoint(ctx, cloudwatch.EndpointParameters{
		Region: aws.String(o.Region), Endpoint: o.BaseEndpoint,
		UseDualStack: aws.Bool(o.EndpointOptions.UseDualStackEndpoint == aws.DualStackEndpointStateEnabled),
		UseFIPS:      aws.Bool(o.EndpointOptions.UseFIPSEndpoint == aws.FIPSEndpointStateEnabled),
	})
	if err == nil && endpoint.URI.Host == "" {
		err = fmt.Errorf("%q has no host", endpoint.URI.String())
	}
	if err != nil {
		return place{}, fmt.Errorf("AWS endpoint for region %q: %w; check AWS_REGION, and AWS_ENDPOINT_URL if it is set: https://host[:port]", o.Region, err)
	}
	return place{o.Region, endpoint.URI.String()}, nil
}

// complain logs what went wrong, with what was tried.
func (p *Publisher) complain(level slog.Level, text string, err error, more ...any) {
	all := append([]any{"region", p.place.region, "endpoint", p.place.endpoint}, more...)
	p.options.Log.Log(context.Background(), level, text, append(all, "error", err)...)
}

// trouble says what keeps samples waiting, and what to check.
func trouble(err error) string {
	const wait = "; samples wait"
	if response, ok := errors.AsType[*awshttp.ResponseError](err); ok && response.HTTPStatusCode() != 0 {
		return fmt.Sprintf("CloudWatch answers with status %d, so it is busy or throttles", response.HTTPStatusCode()) + wait +
			": if it lasts, look at the account's quota for PutMetricData, or ping less often (-ping-delay)"
	}
	_, unknown := errors.AsType[*net.DNSError](err)
	_, unsent := errors.AsType[*smithyhttp.RequestSendError](err)
	switch {
	case errors.Is(err, context.Canceled):
		return "The server ends before CloudWatch has taken all samples"
	case unknown:
		return "CloudWatch's host name is unknown here" + wait + ": check the region (AWS_REGION), this host's resolver, and AWS_ENDPOINT_URL if it is set"
	case unsent || errors.Is(err, context.DeadlineExceeded):
		return "CloudWatch can't be reached" + wait + ": check the way from this host to the endpoint (routes, firewalls, HTTPS_PROXY), " +
			"and AWS_ENDPOINT_URL if it is set; a network without internet needs a VPC endpoint for monitoring"
	}
	return "CloudWatch could not be asked" + wait + ": check the credentials (AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or the role of this host or pod)"
}
