# How the cost of a transfer grows with the servers that take part, and with how many transfers meet at
# one account. `rows` has "case number metric value", `out` is the folder; results/regenerate.sh.
of(case, metric) = sprintf("< awk '$1 == \"%s\" && $3 == \"%s\" {print $2, $4}' %s", case, metric, rows)

set terminal svg size 720,300 font "DejaVu Sans,11" background "white"
set key top right
set grid ytics lc "#dddddd"
set border 3
set tics nomirror
set yrange [0:*]
set style data linespoints

set output out."participants.svg"
set multiplot layout 1,2
set xlabel "servers that take part (8 clients)"
set xtics (2, 4, 8)
set ylabel "transfers/s"
plot of("participants", "tps") title "ours" lw 2 pt 7, of("participants-floor", "tps") title "floor l3" lw 2 pt 6
set ylabel "p50 (ms)"
set key top left
plot of("participants", "p50_ms") title "ours" lw 2 pt 7, of("participants-floor", "p50_ms") title "floor l3" lw 2 pt 6
unset multiplot

set output out."contention.svg"
set multiplot layout 1,2
set xlabel "% of transfers at one account (32 clients)"
set xtics (0, 1, 10)
set ylabel "transfers/s"
set key top right
plot of("contention", "tps") title "ours" lw 2 pt 7, of("contention-floor", "tps") title "floor l3" lw 2 pt 6
set ylabel "p99 (ms)"
set key top left
plot of("contention", "p99_ms") title "ours" lw 2 pt 7, of("contention-floor", "p99_ms") title "floor l3" lw 2 pt 6
unset multiplot
