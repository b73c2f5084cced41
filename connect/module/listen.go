package module

import (
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"

	"github.com/grafana/sobek"

	"github.com/seed-aa7fe5b5/xk6-mconnect/server"
)
