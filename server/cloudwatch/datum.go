package cloudwatch

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
)

// What pingmesh calls them.
const (
	namespace = "pingmesh"
	metric    = "TCP RTT"
)

// Sample is one ping.
type Sample struct {
	Time     time.Time
	From, To string        // locations
	Status   int           // of HTTP; 0, no answer, counts as 500
	Connect  time.Duration // of TCP
}

// maxPlaces bounds what CloudWatch charges for: every combination of dimensions is a metric of its own, and peers choose
// their names.
const maxPlaces = 1000

// otherPlaces stands for all beyond the limit.
const otherPlaces = "(other)"

// places are the locations that have been seen. They belong to the publisher's goroutine.
type places struct{ known map[string]bool }

func (p *places) datum(s *Sample) types.MetricDatum {
	status := s.Status
	if status == 0 {
		status = http.StatusInternalServerError
	}
	return types.MetricDatum{
		MetricName: aws.String(metric),
		Timestamp:  aws.Time(s.Time),
		Unit:       types.StandardUnitMilliseconds,
		Value:      aws.Float64(float64(s.Connect) / float64(time.Millisecond)),
		Dimensions: []types.Dimension{
			{Name: aws.String("TestUrl"), Value: aws.String(p.name(s.To))},
			{Name: aws.String("HTTP Resp Code"), Value: aws.String(fmt.Sprintf("%03d", status))},
			{Name: aws.String("FromLocation"), Value: aws.String(p.name(s.From))},
		},
	}
}

// name is a location as CloudWatch accepts it; one that it does not would have it refuse the whole batch.
func (p *places) name(location string) string {
	name := dimensionValue(location)
	if p.known[name] {
		return name
	}
	if len(p.known) >= maxPlaces {
		return otherPlaces
	}
	if p.known == nil {
		p.known = map[string]bool{}
	}
	p.known[name] = true
	return name
}

// dimensionValue follows CloudWatch's API reference, Dimension: 1 to 1024 printable ASCII characters, not all of them spaces, and no
// colon in front.
func dimensionValue(location string) string {
	const most, unknown = 1024, "(unknown)"
	value := strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, location)
	value = strings.TrimLeft(strings.TrimSpace(value), ": ")
	if value == "" {
		return unknown
	}
	return value[:min(len(value), most)]
}
