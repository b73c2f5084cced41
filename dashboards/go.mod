// The dashboards are made by a program of their own, so that building k6 with the extension does not need Grafana's module.
module github.com/seed-aa7fe5b5/xk6-mconnect/dashboards

go 1.26.0

require github.com/grafana/grafana-foundation-sdk/go v0.0.22
