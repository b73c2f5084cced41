package mesh

import (
	"github.com/prometheus/client_golang/prometheus"
)

// What /metrics tells of each peer. An empty ip is the one that DNS gives.
var (
	peerLabels = []string{"from", "to", "url", "ip"}

	pingsMetric = prometheus.NewDesc("mconnect_mesh_pings_total", "Pings that were answered with a status below 305.", peerLabels, nil)
	failsMetric = prometheus.NewDesc("mconnect_mesh_failures_total", "Pings that were not.", peerLabels, nil)
	phaseMetric = prometheus.NewDesc("mconnect_mesh_ping_duration_seconds",
		"Duration of the phases of answered pings; total is without dns.", append(peerLabels[:4:4], "phase"), nil)
	peersMetric = prometheus.NewDesc("mconnect_mesh_peers", "Peers that are pinged.", nil, nil)
	endedMetric = prometheus.NewDesc("mconnect_mesh_peers_ended_total", "Peers that were deleted or given up.", nil, nil)
	linesMetric = prometheus.NewDesc("mconnect_mesh_lines_dropped_total", "Lines of output that nobody read in time.", nil, nil)
)

// Describe implements prometheus.Collector.
func (m *Mesh) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{pingsMetric, failsMetric, phaseMetric, peersMetric, endedMetric, linesMetric} {
		out <- d
	}
}

// Collect implements prometheus.Collector.
func (m *Mesh) Collect(out chan<- prometheus.Metric) {
	peers := m.list.all()
	_, ended := m.list.gone()
	out <- prometheus.MustNewConstMetric(peersMetric, prometheus.GaugeValue, float64(len(peers)))
	out <- prometheus.MustNewConstMetric(endedMetric, prometheus.CounterValue, float64(ended))
	if m.output.Printer != nil {
		out <- prometheus.MustNewConstMetric(linesMetric, prometheus.CounterValue, float64(m.output.Dropped()))
	}
	for _, p := range peers {
		p.collect(m.options.Location, out)
	}
}

func (p *peer) collect(from string, out chan<- prometheus.Metric) {
	p.mu.Lock()
	defer p.mu.Unlock()
	f := &p.figures
	ip := ""
	if p.IP.IsValid() {
		ip = p.IP.String()
	}
	labels := []string{from, p.nameLocked(), p.URL, ip}
	out <- prometheus.MustNewConstMetric(pingsMetric, prometheus.CounterValue, float64(f.pings), labels...)
	out <- prometheus.MustNewConstMetric(failsMetric, prometheus.CounterValue, float64(f.fails), labels...)
	for i := range f.durations {
		if h := &f.durations[i]; h.count > 0 {
			out <- prometheus.MustNewConstHistogram(phaseMetric, h.count, h.sum, h.cumulative(), append(labels[:4:4], phases[i].name)...)
		}
	}
}
