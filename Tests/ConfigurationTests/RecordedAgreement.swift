/// What Debian's HAProxy 2.6.12 accepts (`+`) and refuses (`-`) with `-c`, as recorded from the binary; '|' separates
/// lines. Snippets on which Martlet is stricter on purpose (extra words, numbers that are none) are not here.
enum RecordedAgreement {
    /// Lines in an HTTP `listen`.
    static let httpLines = #"""
        + backlog 0
        + maxconn 0
        - maxconn
        - maxconn 5 6
        + mode tcp
        + mode http
        - mode health
        - mode
        + balance roundrobin
        - balance foo
        + retries 0
        - retries
        + retry-on none
        - retry-on none 503
        + retry-on 503 404 empty-response
        - retry-on foo
        - retry-on
        + option httplog clf
        - option httplog foo
        - option httplog clf x
        + option tcplog
        - option tcplog x
        + option forwardfor
        + option forwardfor except 10.0.0.0/8
        - option forwardfor except foo
        - option forwardfor header
        + option forwardfor header X-F if-none
        - option forwardfor if-none x
        + option redispatch 5
        + no option redispatch
        - option dontlognull x
        - option foo
        - option
        + no option dontlognull
        + no option http-server-close
        + option httpclose
        + option http-keep-alive
        - no option tcpka
        - no maxconn
        + no log
        - no log global
        + log global
        - log global x
        + log 127.0.0.1 local0
        + log 127.0.0.1:0 local0
        + log 127.0.0.1 local0 info notice
        - log 127.0.0.1 local8
        + log /dev/log local0
        + log unix@/dev/log local0
        + log stdout format raw local0
        + log stdout local0
        + log stderr len 80 format short daemon
        - log stdout format foo local0
        + log fd@1 local0
        - log 127.0.0.1 len 70 local0
        + log udp@127.0.0.1:514 local0
        + log [::1]:514 local0
        - log 127.0.0.1:514-520 local0
        + log abns@foo local0
        - log-tag
        + log-tag x
        + errorfile 503 /dev/null
        - errorfile 503
        - errorfile 999 /dev/null
        - errorfile 418 /dev/null
        - errorfile x /dev/null
        + errorloc 503 /x
        + errorloc302 503 http://a/
        + errorloc303 503 http://a/
        - errorloc 503
        - errorloc 777 /x
        + timeout client 0
        + timeout client 5us
        - timeout client 5S
        - timeout client 5 ms
        + timeout client 24d
        - timeout client 25d
        - timeout client -1
        - timeout foo 5
        - timeout
        + timeout tarpit 1
        + timeout check 1s
        + timeout http-keep-alive 1
        + timeout client-fin 1
        + server s 127.0.0.1
        + server s 127.0.0.1:80
        + server s 127.0.0.1:0
        + server s 127.0.0.1:
        + server s :80
        + server s *:80
        + server s *
        + server s [::1]:80
        + server s [::1]
        - server s ::1
        + server s ::1:80
        + server s ipv6@::1:80
        + server s ipv4@127.0.0.1:80
        + server s localhost:80
        + server s /tmp/x
        + server s unix@/tmp/x
        + server s abns@x
        + server s 127.0.0.1:+5
        + server s 127.0.0.1:-5
        - server s 127.0.0.1:70000
        - server s 127.0.0.1:80-81
        - server s 300.0.0.1:80
        + server s-_.: 127.0.0.1:80
        - server s@ 127.0.0.1:80
        + server s 127.0.0.1 weight 0
        + server s 127.0.0.1 weight 256
        - server s 127.0.0.1 weight 257
        - server s 127.0.0.1 weight -1
        + server s 127.0.0.1 maxconn 0
        + server s 127.0.0.1 minconn 5 maxconn 2
        + server s 127.0.0.1 minconn 5
        - server s 127.0.0.1 id 0
        + server s 127.0.0.1 id 5
        + server s 127.0.0.1 disabled
        + server s 127.0.0.1 enabled
        + server s 127.0.0.1 backup no-backup
        + server s 127.0.0.1 tfo no-tfo
        + server s 127.0.0.1 source 127.0.0.1
        + server s 127.0.0.1 source 127.0.0.1:1024-2048
        + server s 127.0.0.1 source 127.0.0.1 interface lo
        - server s 127.0.0.1 source
        - server s 127.0.0.1 source foo$
        + server s 127.0.0.1 init-addr last,libc,none
        - server s 127.0.0.1 init-addr foo
        + server s 127.0.0.1 init-addr 1.2.3.4
        + server s 127.0.0.1 pool-low-conn 0
        + server s 127.0.0.1 pool-low-conn 5
        - server s 127.0.0.1 pool-low-conn
        + server s 127.0.0.1 pool-max-conn -1
        - server s 127.0.0.1 pool-max-conn -2
        + server s 127.0.0.1 pool-purge-delay 5s
        - server s 127.0.0.1 pool-purge-delay x
        + server s 127.0.0.1 max-reuse -1
        + server s 127.0.0.1 max-reuse 0
        + server s 127.0.0.1 tcp-ut 5s
        - server s 127.0.0.1 foo
        + server s 127.0.0.1 weight 5 weight 6
        - server s 127.0.0.1|server s 127.0.0.1
        - server s 127.0.0.1 id 4|server u 127.0.0.1 id 4
        + default-server weight 5
        + default-server
        - default-server 127.0.0.1
        - default-server foo
        + default-server maxconn 5 backup
        + source 127.0.0.1
        + source 127.0.0.1:80
        - source 127.0.0.1:80-90
        - source 127.0.0.1 interface
        + source 127.0.0.1 interface lo
        - source 127.0.0.1 foo
        - source
        + source *
        + http-reuse safe
        - http-reuse foo
        - http-reuse
        - http-reuse safe x
        + description a b c
        - description
        + id 77
        - id 0
        - id x
        - id
        + disabled
        - disabled x
        + enabled
        + clitcpka-cnt 5
        - clitcpka-cnt x
        + clitcpka-idle 5s
        - clitcpka-idle x
        + srvtcpka-intvl 5
        + bind :18081
        + bind :18081,:18082
        - bind :18081, :18082
        + bind :18081-18085
        + bind :18081 name x
        - bind :18081 name
        - bind :18081 foo
        + bind :18081 maxconn 5
        + bind :18081 backlog 5
        + bind :18081 id 3
        - bind :18081 id 0
        - bind :18081 id 3|bind :18082 id 3
        - bind :18081 nice 2000
        - bind :18081 nice -2000
        + bind :18081 mss 1400
        + bind :18081 mss -1400
        - bind :18081 mss 70000
        - bind :18081 mss 0
        + bind :18081 thread 1
        + bind :18081 thread odd
        + bind :18081 thread all
        + bind :18081 thread 1-2
        + bind :18081 thread 1/1
        - bind :18081 thread 65
        - bind :18081 thread 0
        - bind :18081 thread x
        + bind :18081 tfo defer-accept v4v6
        + bind :::18081 v6only
        + bind :18081 interface lo
        + bind :18081 tcp-ut 5s
        - bind :18081 tcp-ut x
        + bind :18081 level admin
        - bind :18081 level foo
        + bind :18081 transparent
        + bind /tmp/hx/s.sock mode 660
        - bind /tmp/hx/s.sock mode 888
        + bind /tmp/hx/s.sock mode 1777
        + bind /tmp/hx/s.sock uid 5 gid 5
        + bind /tmp/hx/s.sock user root group root
        + bind abns@xxx
        + bind ipv4@:18081
        + bind ipv6@:18081
        - bind ipv6@127.0.0.1:18081
        - bind ipv4@[::1]:18081
        + bind tcp@:18081
        + bind tcp6@:18081
        + bind stream+ip@:18081
        + bind [::1]:18081
        - bind [::1:18081
        + bind localhost:18081
        + bind *:18081
        - bind *
        - bind 127.0.0.1:
        - bind :0
        + bind 127.0.0.1:18080
        - default_backend t
        - default_backend zz
        - default_backend
        - default_backend t x
        - use_backend t
        - use_backend t if
        - use_backend t if TRUE
        - use_backend zz if TRUE
        - use_backend t unless { src 127.0.0.1 }
        - use_backend t if { path /a } or { path /b }
        - use_backend t if { path /a } || { path /b } METH_GET
        - use_backend t if !TRUE
        - use_backend t if ! TRUE
        - use_backend t if nope
        - use_backend t iff TRUE
        - use_backend t if { path /
        - use_backend
        + acl a path /
        + acl a path -i /
        + acl a path_beg -i / /b
        + acl a hdr(host) -i x
        + acl a hdr(host,1) x
        - acl a hdr(host,x) x
        + acl a hdr_beg(host) x
        + acl a hdr_dom(host) x
        + acl a hdr_len(host) 5
        + acl a hdr(host) -m found
        + acl a src 10.0.0.0/8 192.168.1.1
        + acl a src 10/8
        + acl a src ::1
        + acl a src ::/0
        - acl a src 10.0.0.0/33
        + acl a src 1.2.3.4/255.255.0.0
        + acl a dst_port 80
        + acl a dst_port 80:90
        - acl a dst_port 90:80
        + acl a dst_port ge 80
        - acl a dst_port x
        + acl a src_port lt 1024
        + acl a method GET
        + acl a method -i get
        + acl a always_true
        + acl a always_false
        + acl a req.ver 1.1
        - acl a path -m foo x
        + acl a path -m beg x
        + acl a path -f /dev/null
        + acl a path --
        + acl a path -- -i
        - acl a path -z x
        - acl a
        - acl
        - acl a/b path /
        - acl or path /
        - acl a foo
        - acl a path(x) /
        + acl a path -n /
        + acl a src -n 10.0.0.1
        + acl a path -m len 3:5
        + acl a path -m str /
        + acl a hdr(x) -m int 5
        + acl a src -m found
        - acl a path_sub a|acl a path_dir b|use_backend t if a
        - foo bar
        - tieout client 5
        - http-requst deny
        + option abortonclose
        + option nolinger
        + option tcp-smart-accept
        + option tcp-smart-connect
        + option independent-streams
        + option allbackups
        + option http-ignore-probes
        + option logasap
        + "maxconn" 5
        + max"conn" 5
        + maxconn "5"
        + maxconn '5' # c
        - description "a
        - description 'a
        - description a\x4
        + description a\x41
        - description "$9"
        - description "${A"
        + description "${A-b}"
        + description a\
        """#

    /// Lines in a TCP `listen`.
    static let tcpLines = #"""
        + option httplog
        + option forwardfor
        + option tcplog
        + option http-server-close
        + option httpclose
        + errorfile 503 /dev/null
        + timeout http-request 5s
        + http-reuse always
        + retry-on 503
        + acl a path /
        - use_backend t if { path / }
        - use_backend t if { src 10.0.0.1 }
        + option dontlognull
        """#

    /// Lines in `global`.
    static let globalLines = #"""
        + daemon
        - daemon x
        + nbthread 2
        - nbthread 0
        - nbthread 65
        - nbthread x
        - nbthread
        + maxconn 100
        - maxconn
        + maxconn 0
        + ulimit-n 10000
        - ulimit-n
        + uid 5
        + gid 5
        + user root
        + group root
        + uid 5|user root
        + chroot /tmp
        - chroot
        - chroot /tmp x
        + pidfile /tmp/x
        - pidfile
        + node a
        - node
        - node a b
        + description a b
        + log-tag x
        - log-tag
        + log-send-hostname
        + log-send-hostname x
        + log 127.0.0.1 local0
        - log global
        + stats socket /tmp/hx/a.sock
        + stats socket /tmp/hx/a.sock mode 660 level admin
        - stats socket /tmp/hx/a.sock level foo
        + stats socket 127.0.0.1:19999
        + stats socket ipv4@127.0.0.1:19999 level user
        - stats socket
        - stats socket foo
        + stats timeout 5s
        - stats timeout 0
        - stats timeout x
        - stats timeout
        + stats maxconn 5
        - stats maxconn 0
        - stats maxconn x
        - stats foo
        - stats
        + noepoll
        + nopoll
        + nokqueue
        - noepoll x
        + tune.bufsize 32768
        - tune.bufsize 0
        + tune.bufsize 32k
        + tune.maxrewrite 1024
        - tune.maxrewrite -1
        + tune.maxaccept -1
        + tune.maxaccept 0
        + tune.maxaccept 5
        + tune.maxpollevents 100
        + tune.http.maxhdr 50
        - tune.http.maxhdr 0
        - tune.http.maxhdr 40000
        + tune.idle-pool.shared on
        + tune.idle-pool.shared off
        - tune.idle-pool.shared yes
        - tune.idle-pool.shared
        + tune.pool-high-fd-ratio 0
        - tune.pool-high-fd-ratio 101
        + tune.pool-low-fd-ratio 100
        - tune.pool-low-fd-ratio -1
        + tune.rcvbuf.client 10000
        + tune.sndbuf.server 10000
        + hard-stop-after 5s
        - hard-stop-after x
        - hard-stop-after
        + localpeer x
        + master-worker
        - master-worker x
        + quiet
        + zero-warning
        + setenv A b
        - setenv A
        + presetenv A b
        + unsetenv A
        + resetenv
        + resetenv A
        + default-path current
        + default-path config
        + default-path origin /tmp
        - default-path foo
        + unix-bind mode 600
        + unix-bind prefix /tmp user root
        - unix-bind foo
        - foo
        - mode http
        - timeout client 5s
        """#

    /// Whole files.
    static let files = #"""
        +   backend b
        + "back"end b
        + "backend" b
        - .alert x
        + .diag x
        - .endif
        - .foo
        - .if 0|.elif foo|.endif
        + .if 0|foo|.endif
        - .if 1
        + .if 1|.elif 1|.else|.endif
        + .if 1|.elif foo|.endif
        - .if 1|.else|.else|.endif
        + .if 1|.endif
        - .if foo|.endif
        + .if streq("a","a") && defined(PATH)|backend x|.endif
        + .if streq(a,a)|backend x|.endif
        + .if version_atleast(2.4)|backend x|.else|foo|.endif
        + .if|foo|.endif
        + .notice x
        + .warning "x y"
        + backend "b"|server 's' 1.2.3.4
        - backend a from b
        - backend a/b
        + backend a| option httplog
        - backend a|backend a
        - backend a|disabled|backend a
        + backend a|disabled|server x 1.2.3.4|server x 1.2.3.5
        - backend a|id 5|disabled|backend b|id 5
        + backend a|server a 1.2.3.4|bind :80
        - backend b x|server 's' 1.2.3.4
        - backend b\ c
        + backend b|  # comment|	server s 127.0.0.1	# x
        + backend b|"server" s 127.0.0.1
        - backend b|id 5|backend c|id 5
        + backend b|mode http|server x 127.0.0.1 proto h1
        - backend b|no
        - backend b|no balance roundrobin
        - backend b|no server s 127.0.0.1
        - backend b|server x 127.0.0.1 proto h1
        + backend b|timeout server 0|timeout connect 0|server s 1.2.3.4
        + defaults d| acl a path /
        - defaults x from y
        - defaults x|defaults x|backend b from x
        + defaults x|defaults y from x|backend b from y
        - defaults| acl a path /
        - defaults| bind :80
        - defaults| use_backend b
        + defaults|mode http
        + defaults|timeout client 1s|global|nbthread 2
        - foo
        - frontend
        + frontend a|backend a
        + frontend a|bind :18080|disabled|mode http|default_backend b|backend b|mode tcp
        + frontend a|bind :18080|timeout client 1s|default_backend b|backend b|disabled
        - frontend a|bind :18080|timeout client 1s|mode http|default_backend b|backend b|disabled
        + frontend a|bind :18080|timeout client 1s|use_backend b|backend b|disabled
        + frontend a|disabled|option httplog
        - frontend a|frontend a
        - frontend f|bind :18080|default_backend f
        - frontend f|bind :18080|mode http|default_backend b|backend b|mode tcp
        + frontend f|bind :18080|timeout client 0
        + frontend f|bind :18080|timeout client 10|log 127.0.0.1 local0|option httplog|option tcplog|mode http
        + frontend f|bind :18080|timeout client 10|log 127.0.0.1 local0|option tcplog
        + frontend f|bind :18080|timeout client 10|log 127.0.0.1 local0|option tcplog|option httplog
        + frontend f|bind :18080|timeout client 1s|option http-keep-alive|option httpclose|no option http-keep-alive
        - global x
        + global|nbthread 2|global|nbthread 3
        - global|setenv A 5|backend b|server s$A 1.2.3.4|server "s$A" 1.2.3.4
        - listen a|backend a
        + listen a|bind :18080|disabled|default_backend nowhere
        + listen a|bind :18080|disabled|use_backend nowhere if TRUE
        - listen a|frontend a
        - listen b|bind :18080 proto foo
        + listen b|mode http|bind :18080 proto h1|timeout client 1s|timeout connect 1s|timeout server 1s
        - listen l|bind :18080 id 1 ,:18082 
        - listen l|bind :18080 id 1 |timeout client 1s|bind :18081 id 1
        + listen l|bind :18080|timeout client 1s|acl TRUE src 1.1.1.1|use_backend x if TRUE|backend x
        + listen l|bind :18080|timeout client 1s|acl a hdr(host)|use_backend x if a|backend x
        + listen l|bind :18080|timeout client 1s|acl a src -f /dev/null|use_backend x if a|backend x
        - listen l|bind :18080|timeout client 1s|acl a src 1.2.3.4 or 1.2.3.5
        + listen l|bind :18080|timeout client 1s|bind :18081 id 1|bind :18082
        + listen l|bind :18080|timeout client 1s|maxconn 0|backlog 0
        + listen l|bind :18080|timeout client 1s|use_backend x if LOCALHOST HTTP_1.1 METH_GET|backend x
        + listen l|bind :18080|timeout client 1s|use_backend x if { src 1.2.3.4 1.2.3.5 }|backend x
        + listen l|bind :18080|timeout client 1s|use_backend x if { src 1.2.3.4 } { src 1.2.3.4 }|backend x
        - listen l|bind :18080|timeout client 1s|use_backend x if { src 1.2.3.4 }{ src 1.2.3.4 }|backend x
        """#
}
