# The server alone: no simulator, no tests, no embedded Postgres. It needs DATABASE_URL, and logs in as a role that owns
# nothing; migrations run beforehand, with `bun src/main.ts migrate`.
FROM oven/bun:1.4.5-slim AS packages
WORKDIR /app
COPY package.json bun.lock ./
RUN bun install --production --frozen-lockfile

FROM oven/bun:1.4.5-slim
WORKDIR /app
ENV NODE_ENV=production PORT=3000
# Recordings go here when no storage bucket is configured; mount a volume to keep them.
RUN mkdir .frontdesk && chown bun:bun .frontdesk
COPY --from=packages /app/node_modules node_modules
COPY package.json bun.lock ./
COPY emails emails
COPY drizzle drizzle
COPY src src
USER bun
EXPOSE 3000
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s --retries=3 \
  CMD ["bun", "-e", "const answer = await fetch(`http://127.0.0.1:${process.env.PORT}/healthz`); process.exit(answer.ok ? 0 : 1)"]
# Exec form, and the image's entry point replaces itself: the server is process 1 and gets SIGTERM itself, to hand its
# calls over. Give it time to: `docker stop --time 300`.
STOPSIGNAL SIGTERM
CMD ["bun", "src/main.ts"]
