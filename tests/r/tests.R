# Weighted log-rank tests, trend, every permutation, maximally selected statistics, ROC at a landmark,
# mid-p, Hodges-Lehmann shifts, differences of restricted means:
#   Rscript tests/r/tests.R tests/r/tests.json
# What no package gives is written out by its definition.
suppressMessages({library(survival); library(maxstat); library(jsonlite)})
RNGversion("4.2.0")
out <- commandArgs(trailingOnly = TRUE)[1]

drawn <- lapply(1:5, function(seed) {
  set.seed(40 + seed)
  n <- c(12, 24, 40, 60, 142)[seed]
  time <- rexp(n, 1 / 30); censored <- runif(n, 5, 80)
  event <- as.numeric(time <= censored); time <- pmin(time, censored)
  time <- if (seed %% 2) ceiling(time) else round(time, 3)
  data.frame(time, event, group = sample(1:3, n, TRUE), x = rep(0:1, length.out = n),
             marker = round(rnorm(n) - 0.3 * log(time), if (seed %% 2) 1 else 4))
})

weighted <- function(data, weight) {
  times <- sort(unique(data$time[data$event == 1]))
  groups <- sort(unique(data$group)); k <- length(groups)
  o <- numeric(k); v <- matrix(0, k, k); before <- 1
  for (t in times) {
    n <- sapply(groups, function(g) sum(data$time >= t & data$group == g))
    d <- sapply(groups, function(g) sum(data$time == t & data$event == 1 & data$group == g))
    N <- sum(n); D <- sum(d); w <- weight(N, before)
    before <- before * (1 - D / N)
    o <- o + w * (d - n * D / N)
    if (N > 1) v <- v + w^2 * D * (N - D) / (N - 1) * (diag(n / N, k) - outer(n, n) / N^2)
  }
  drop(o[-k] %*% solve(v[-k, -k], o[-k]))
}
trend <- function(data, scores) {
  fit <- survdiff(Surv(time, event) ~ group, data)
  drop((scores %*% (fit$obs - fit$exp))^2 / (scores %*% fit$var %*% scores))
}
permutation <- function(data) {  # every arrangement of two groups of six
  hazard <- survfit(Surv(time, event) ~ 1, data, stype = 2, ctype = 1)
  score <- data$event - hazard$cumhaz[match(data$time, hazard$time)]
  observed <- abs(sum(score[data$x == 1]))
  sums <- combn(nrow(data), sum(data$x), function(rows) abs(sum(score[rows])))
  mean(sums >= observed - 1e-10)
}
selected <- function(data) {
  p <- function(method, ...) maxstat.test(Surv(time, event) ~ marker, data, smethod = "LogRank", pmethod = method,
                                          minprop = 0.1, maxprop = 0.9, ...)$p.value
  set.seed(1)
  list(statistic = unname(maxstat.test(Surv(time, event) ~ marker, data, smethod = "LogRank", pmethod = "none",
                                       minprop = 0.1, maxprop = 0.9)$statistic),
       lau92 = p("Lau92"), lau94 = min(p("Lau94"), 1),  # a bound, which R leaves above 1
       exact_gauss = unname(p("exactGauss", abseps = 1e-4, maxpts = 1e6)))
}
landmark <- function(data, at) {
  censoring <- survfit(Surv(time, 1 - event) ~ 1, data)
  g <- function(t) { s <- censoring$surv[censoring$time < t]; if (length(s)) tail(s, 1) else 1 }
  cases <- which(data$event == 1 & data$time <= at)
  controls <- which(data$time > at | (data$event == 0 & data$time == at))
  w <- 1 / sapply(data$time[cases], g)
  won <- sapply(cases, function(i) mean((data$marker[i] > data$marker[controls]) + (data$marker[i] == data$marker[controls]) / 2))
  list(at = at, auc = sum(w * won) / sum(w))
}
restricted <- function(data, tau) {
  one <- function(x) survival:::survmean(survfit(Surv(time, event) ~ 1, data[data$x == x, ]), rmean = tau)$matrix
  a <- one(1); b <- one(0)
  value <- a[["rmean"]] - b[["rmean"]]; se <- sqrt(a[["se(rmean)"]]^2 + b[["se(rmean)"]]^2)
  list(tau = tau, value = value, se = se, p = 2 * pnorm(-abs(value / se)))
}

tables <- list(matrix(c(3, 5, 2, 4, 1, 8), 3), matrix(c(12, 3, 5, 9), 2), matrix(c(0, 6, 7, 4), 2),
               matrix(c(5, 0, 3, 2, 6, 1, 1, 4, 8), 3), matrix(c(40, 31, 18, 24, 9, 20), 2))
of_table <- function(m) {
  own <- exp(sum(lfactorial(rowSums(m))) + sum(lfactorial(colSums(m))) - lfactorial(sum(m)) - sum(lfactorial(m)))
  rows <- rep(row(m), m); columns <- rep(col(m), m)
  m2 <- (sum(m) - 1) * cor(rows, columns)^2
  list(table = m, mid_p = fisher.test(m, workspace = 2e7)$p.value - own / 2, trend = m2,
       trend_p = pchisq(m2, 1, lower.tail = FALSE))
}
samples <- list(list(x = c(1.1, 3.2, 4.7, 5.9, 9.3, 12.4), y = c(0.4, 2.5, 2.9, 4.1, 5.2)),
                list(x = c(1, 3, 3, 4, 7, 8, 8, 9), y = c(0, 1, 2, 3, 3, 5, 8)), list(x = c(1, 2), y = c(3, 5, 8)))
shift <- function(s) list(x = s$x, y = s$y, shift = median(outer(s$x, s$y, "-")))
newcombe <- function(a, n, b, m) {
  one <- suppressWarnings(prop.test(a, n, correct = FALSE)$conf.int); two <- suppressWarnings(prop.test(b, m, correct = FALSE)$conf.int)
  p <- a / n; q <- b / m
  list(counts = c(a, n, b, m), difference = p - q, lower = p - q - sqrt((p - one[1])^2 + (two[2] - q)^2),
       upper = p - q + sqrt((one[2] - p)^2 + (q - two[1])^2))
}
e_value <- function(hr, common) {
  rr <- if (common) (1 - 0.5^sqrt(hr)) / (1 - 0.5^sqrt(1 / hr)) else hr
  rr <- max(rr, 1 / rr)
  list(hr = hr, common = common, e = rr + sqrt(rr * (rr - 1)))
}

packages <- c("survival", "maxstat", "jsonlite")
result <- list(
  versions = as.list(c(R = R.version.string, sapply(packages, function(p) as.character(packageVersion(p))))),
  drawn = lapply(seq_along(drawn), function(i) {
    d <- drawn[[i]]
    list(data = d,
         weighted = list(wilcoxon = weighted(d, function(n, s) n), `tarone-ware` = weighted(d, function(n, s) sqrt(n)),
                         fh01 = weighted(d, function(n, s) 1 - s), fh11 = weighted(d, function(n, s) s * (1 - s)),
                         rho = survdiff(Surv(time, event) ~ group, d, rho = 1)$chisq),
         trend = trend(d, 1:3), trend_scores = trend(d, c(0, 1, 5)), permutation = if (i == 1) permutation(d) else NULL,
         selected = if (i > 1) selected(d) else NULL, landmark = landmark(d, 20), restricted = restricted(d, 20))
  }),
  tables = lapply(tables, of_table), shifts = lapply(samples, shift),
  differences = list(newcombe(15, 24, 9, 24), newcombe(0, 12, 5, 9), newcombe(31, 31, 20, 29)),
  e_values = list(e_value(0.3, TRUE), e_value(0.3, FALSE), e_value(2.5, TRUE), e_value(1, TRUE)))
write_json(result, out, digits = I(15), na = "null", auto_unbox = TRUE, dataframe = "columns", matrix = "rowmajor")
