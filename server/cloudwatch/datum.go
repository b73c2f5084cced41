package cloudwatch

import (
	"fmt"
	"maps"
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

// maxPlaces bounds what CloudWatch charges for: every combination of dimensions is a metric of its own, charged by the hour in which
// it gets data, and peers choose their names. One that was not used for so long makes room for another.
const (
	maxPlaces = 1000
	unused    = time.Hour
)

// otherPlaces stands for all beyond the limit.
const otherPlaces = "(other)"

// places are the locations that have been seen, and when each was last. They belong to the publisher's goroutine.
type places struct{ known map[string]time.Time }

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
			{Name: aws.String("TestUrl"), Value: aws.String(p.name(s.To, s.Time))},
			{Name: aws.String("HTTP Resp Code"), Value: aws.String(fmt.Sprintf("%03d", status))},
			{Name: aws.String("FromLocation"), Value: aws.String(p.name(s.From, s.Time))},
		},
	}
}

// name is a location as CloudWatch accepts it; one that it does not would have it refuse the whole batch.
func (p *places) name(location string, at time.Time) string {
	name := dimensionValue(location)
	if _, ok := p.known[name]; !ok && len(p.known) >= maxPlaces {
		maps.DeleteFunc(p.known, func(_ string, last time.Time) bool { return at.Sub(last) > unused })
		if len(p.known) >= maxPlaces {
			return otherPlaces
		}
	}
	if p.known == nil {
		p.known = map[string]time.Time{}
	}
	p.known[name] = at
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
