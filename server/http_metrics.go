package server

import (
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// More scrapes at once than this are answered with 503.
const mostScrapes = 4

// figures are the server's own metrics, in the order of Stats.
var figures = []figure{
	counter("connections_accepted_total", "TCP connections that the responder has served.", func(s *Stats) int64 { return s.Accepted }),
	gauge("connections_active", "TCP connections that the responder has open.", func(s *Stats) int64 { return s.Active }),
	counter("connections_refused_total", "TCP connections closed at once: over -max-connections, or no descriptor left.", func(s *Stats) int64 { return s.Refused }),
	counter("connections_timed_out_total", "TCP connections closed after -idle-timeout.", func(s *Stats) int64 { return s.TimedOut }),
	counter("proxy_header_errors_total", "TCP connections closed because they did not begin with a PROXY header.", func(s *Stats) int64 { return s.HeaderErrors }),
	counter("replies_total", "Host names written to TCP connections.", func(s *Stats) int64 { return s.Replies }),
	counter("replies_dropped_total", "Answers not written in full, since the client does not read or is gone.", func(s *Stats) int64 { return s.Dropped }),
	counter("received_bytes_total", "Bytes that the responder has read from TCP connections.", func(s *Stats) int64 { return s.Received }),
	counter("udp_datagrams_total", "UDP datagrams received.", func(s *Stats) int64 { return s.Datagrams }),
	counter("udp_answered_total", "UDP datagrams answered.", func(s *Stats) int64 { return s.DatagramsAnswered }),
	counter("echo_connections_accepted_total", "TCP connections that the echo has served.", func(s *Stats) int64 { return s.Echo.Accepted }),
	gauge("echo_connections_active", "TCP connections that the echo has open.", func(s *Stats) int64 { return s.Echo.Active }),
	counter("echo_connections_refused_total", "TCP connections of the echo closed at once: over -max-connections, or no descriptor left.", func(s *Stats) int64 { return s.Echo.Refused }),
	counter("echo_connections_timed_out_total", "TCP connections of the echo closed after -idle-timeout.", func(s *Stats) int64 { return s.Echo.TimedOut }),
	counter("echo_proxy_header_errors_total", "TCP connections of the echo closed because they did not begin with a PROXY header.", func(s *Stats) int64 { return s.Echo.HeaderErrors }),
	counter("echo_received_bytes_total", "Bytes that the echo has read from TCP connections.", func(s *Stats) int64 { return s.Echo.Received }),
	counter("echo_sent_bytes_total", "Bytes that the echo has written to TCP connections.", func(s *Stats) int64 { return s.Echo.Sent }),
	counter("echo_udp_datagrams_total", "UDP datagrams that the echo has received.", func(s *Stats) int64 { return s.Echo.Datagrams }),
	counter("echo_udp_answered_total", "UDP datagrams that the echo has sent back.", func(s *Stats) int64 { return s.Echo.DatagramsAnswered }),
	counter("http_connections_accepted_total", "Connections that the HTTP listener has served.", func(s *Stats) int64 { return s.HTTP.Accepted }),
	gauge("http_connections_active", "Connections that the HTTP listener has open.", func(s *Stats) int64 { return s.HTTP.Active }),
	counter("http_connections_refused_total", "HTTP connections closed at once: over -max-connections.", func(s *Stats) int64 { return s.HTTP.Refused }),
	counter("http_connections_dropped_total", "HTTP connections without a request, closed to make room for others at -max-connections.", func(s *Stats) int64 { return s.HTTP.Dropped }),
	gauge("http_requests_pending", "Requests that wait in the slow listener.", func(s *Stats) int64 { return s.HTTP.Pending }),
	counter("http_requests_served_total", "Requests that the slow listener has answered.", func(s *Stats) int64 { return s.HTTP.Served }),
}

type figure struct {
	description *prometheus.Desc
	kind        prometheus.ValueType
	value       func(*Stats) int64
}

func counter(name, help string, value func(*Stats) int64) figure {
	return figure{prometheus.NewDesc("mconnect_server_"+name, help, nil, nil), prometheus.CounterValue, value}
}

func gauge(name, help string, value func(*Stats) int64) figure {
	return figure{prometheus.NewDesc("mconnect_server_"+name, help, nil, nil), prometheus.GaugeValue, value}
}

// statsCollector tells a server's Stats, as they are when asked for.
type statsCollector struct{ server *Server }

// Describe implements prometheus.Collector.
func (statsCollector) Describe(out chan<- *prometheus.Desc) {
	for _, f := range figures {
		out <- f.description
	}
}

// Collect implements prometheus.Collector.
func (c statsCollector) Collect(out chan<- prometheus.Metric) {
	stats := c.server.Stats()
	for _, f := range figures {
		out <- prometheus.MustNewConstMetric(f.description, f.kind, float64(f.value(&stats)))
	}
}

// metricsHandler tells metrics from a registry of its own, so that one process can have several servers.
func metricsHandler(s *Server, peers Mesh) http.Handler {
	registry := prometheus.NewRegistry()
	registry.MustRegister(
		statsCollector{s},
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	if peers != nil {
		registry.MustRegister(peers)
	}
	registry.MustRegister(s.options.Collectors...)
	return promhttp.HandlerFor(registry, promhttp.HandlerOpts{MaxRequestsInFlight: mostScrapes})
}
