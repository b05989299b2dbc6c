// The same for options and actions of HTTP proxies, and what `global` has for them.
extension RecordedAgreement {
    /// Lines in an HTTP `listen`.
    static let optionLines = #"""
        + server-template s 3 127.0.0.1:80
        + server-template s 1-3 127.0.0.1:80 maxconn 5
        + server-template s 5-5 127.0.0.1:80
        + server-template s 2 127.0.0.1:80 id 7
        - server-template s 3-1 127.0.0.1:80
        - server-template s x 127.0.0.1:80
        - server-template s 0 127.0.0.1:80
        - server-template s 2
        + bind-process all
        + bind-process 1
        + bind-process odd
        - bind-process 2
        - bind-process x
        + balance leastconn
        + balance static-rr
        + balance first
        + balance source
        + balance random
        + balance random(3)
        - balance random(0)
        - balance random(x)
        + balance uri
        + balance uri whole
        + balance uri len 5 depth 3
        + balance uri path-only
        - balance uri len
        - balance uri len x
        - balance uri foo
        + balance url_param id
        + balance url_param id check_post
        + balance url_param id check_post 10
        - balance url_param
        - balance url_param id foo
        + balance hdr(host)
        + balance hdr(host) use_domain_only
        - balance hdr()
        - balance hdr
        - balance hdr(host) foo
        + balance rdp-cookie
        + balance rdp-cookie(x)
        + balance hash path
        + hash-type consistent
        + hash-type map-based
        + hash-type consistent sdbm
        + hash-type consistent djb2 avalanche
        + hash-type map-based crc32
        + hash-type map-based wt6
        - hash-type
        - hash-type foo
        - hash-type consistent foo
        - hash-type consistent sdbm foo
        + hash-balance-factor 150
        + hash-balance-factor 0
        - hash-balance-factor 50
        - hash-balance-factor
        + option contstats
        + no option contstats
        - option contstats x
        + option socket-stats
        + no option socket-stats
        + option disable-h2-upgrade
        - option disable-h2-upgrade x
        + option persist
        + no option persist
        + fullconn 10
        - fullconn
        + force-persist if TRUE
        + force-persist unless FALSE
        - force-persist
        - force-persist TRUE
        + bind 127.0.0.1:18081 severity-output none
        - bind 127.0.0.1:18081 severity-output
        - bind 127.0.0.1:18081 severity-output loud
        + server s 127.0.0.1:80 no-check no-agent-check no-check-ssl no-ssl
        + server s 127.0.0.1:80 no-send-proxy no-send-proxy-v2 no-check-send-proxy
        + server s 127.0.0.1:80 no-send-proxy-v2-ssl no-send-proxy-v2-ssl-cn
        + tcp-request content switch-mode http
        + tcp-request content switch-mode http proto h1 if HTTP
        - tcp-request content switch-mode
        - tcp-request content switch-mode tcp
        - tcp-request session switch-mode http
        + option checkcache
        + no option checkcache
        - option checkcache x
        + option http-no-delay
        + option http-pretend-keepalive
        + option http-use-proxy-header
        + option idle-close-on-response
        + option prefer-last-server
        + option transparent
        + transparent
        - transparent x
        - no transparent
        + tcp-response content close
        + tcp-response content close if { res.len gt 2 }
        - tcp-response content close x
        - http-request capture hdr(a) id 0
        + declare capture request len 3|http-request capture hdr(a) id 0
        + http-request capture hdr(a) id 0|declare capture request len 3
        - declare capture request len 3|http-response capture hdr(a) id 0
        + http-request set-header a %[src,debug(a,stdout)]
        + http-request set-header a %[src,debug(,stderr)]
        - http-request set-header a %[src,debug(a,nosink)]
        - http-request set-header a %[src,debug(a,stdout,b)]
        + option h1-case-adjust-bogus-client
        + option h1-case-adjust-bogus-server
        + option accept-invalid-http-request
        + option accept-invalid-http-response
        + option http-restrict-req-hdr-names delete
        + option http-restrict-req-hdr-names reject
        + option http-restrict-req-hdr-names preserve
        - option http-restrict-req-hdr-names
        - option http-restrict-req-hdr-names foo
        + option originalto
        + option originalto except 10.0.0.0/8 header X-O
        - option originalto if-none
        - option originalto header
        + dispatch 127.0.0.1:80
        - dispatch 127.0.0.1
        - dispatch
        + http-send-name-header X
        - http-send-name-header
        + max-keep-alive-queue 5
        + max-keep-alive-queue -1
        - max-keep-alive-queue
        + rate-limit sessions 10
        - rate-limit sessions
        - rate-limit sessions x
        - rate-limit foo 10
        + error-log-format %ST
        - error-log-format
        - error-log-format %XX
        + server s 127.0.0.1:80 maxqueue 5
        + server s 127.0.0.1:80 redir http://a
        - server s 127.0.0.1:80 redir
        + bind 127.0.0.1:18081 shards 2
        + bind 127.0.0.1:18081 shards by-thread
        - bind 127.0.0.1:18081 shards x
        - bind 127.0.0.1:18081 shards 0
        - bind 127.0.0.1:18081 shards
        + bind 127.0.0.1:18081 process 1/all
        + bind 127.0.0.1:18081 process all
        - bind 127.0.0.1:18081 process 2
        - bind 127.0.0.1:18081 process x
        + http-request set-priority-class int(1)
        - http-request set-priority-class
        - http-request set-priority-class foo
        + http-request set-priority-offset hdr(x)
        - http-response set-priority-class int(1)
        + http-request set-nice 5
        - http-request set-nice
        - http-request set-nice x y
        + http-request set-nice 2000
        + http-response set-nice -5
        + tcp-request content set-nice 5
        + tcp-request content set-priority-class int(1)
        + tcp-request content set-priority-offset int(1)
        + tcp-response content set-nice 5
        - tcp-request connection set-nice 5
        + http-response wait-for-body time 1s
        + http-response wait-for-body time 1s at-least 5k
        - http-response wait-for-body
        - http-response wait-for-body at-least 5
        - clitimeout 5s
        - contimeout 5s
        - srvtimeout 5s
        """#

    /// Lines in `global`.
    static let optionGlobalLines = #"""
        + grace 10s
        - grace
        - grace x
        + close-spread-time 10s
        + close-spread-time infinite
        - close-spread-time
        + h1-case-adjust a A
        - h1-case-adjust a
        - h1-case-adjust a b
        - h1-case-adjust-file /nonexistent
        + fd-hard-limit 1000
        - fd-hard-limit
        + tune.buffers.limit 100
        + tune.buffers.reserve 4
        - tune.buffers.reserve
        + tune.idletimer 1000
        - tune.idletimer 100000
        - tune.idletimer x
        + tune.pattern.cache-size 100
        + tune.recv_enough 1000
        + tune.runqueue-depth 100
        + tune.sched.low-latency on
        + tune.sched.low-latency off
        - tune.sched.low-latency x
        + thread-groups 1
        - thread-groups
        - thread-groups x
        + tune.http.logurilen 100
        - tune.http.logurilen
        + stats socket /tmp/s level admin severity-output string
        + strict-limits
        + no strict-limits
        + maxconnrate 5
        + maxsessrate 5
        - maxsessrate
        + noreuseport
        + noevports
        + no-memory-trimming
        + insecure-fork-wanted
        + insecure-setuid-wanted
        + no busy-polling
        + no numa-cpu-mapping
        + no set-dumpable
        + profiling.tasks off
        - profiling.tasks foo
        - profiling.tasks
        - tune.fd.edge-triggered foo
        + tune.listener.multi-queue off
        - tune.listener.multi-queue foo
        + tune.http.cookielen 10
        - tune.http.cookielen
        """#
}
