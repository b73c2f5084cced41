package cloudwatch

import "github.com/prometheus/client_golang/prometheus"

var samplesTotal = prometheus.NewDesc("mconnect_server_cloudwatch_samples_total",
	"Pings for CloudWatch, by what became of them: published, dropped since it was slow, failed since it refused them.", []string{"result"}, nil)

// Describe implements prometheus.Collector.
func (p *Publisher) Describe(out chan<- *prometheus.Desc) { out <- samplesTotal }

// Collect implements prometheus.Collector.
func (p *Publisher) Collect(out chan<- prometheus.Metric) {
	stats := p.Stats()
	for result, n := range map[string]int64{"published": stats.Published, "dropped": stats.Dropped, "failed": stats.Failed} {
		out <- prometheus.MustNewConstMetric(samplesTotal, prometheus.CounterValue, float64(n), result)
	}
}
