# docker build -t trademon . && docker run -d --name trademon -v trademon:/home/trademon trademon
# A command in it: docker exec -it trademon trademon broker add main --exchange binance
FROM python:3.13-slim

RUN useradd --create-home --uid 1000 trademon
COPY . /src
RUN pip install --no-cache-dir '/src[postgres]' && rm -rf /src

USER trademon
ENV TRADEMON_HOME=/home/trademon PYTHONUNBUFFERED=1
VOLUME /home/trademon
# SIGTERM ends it after the write in hand.
CMD ["trademon", "automation", "start", "--foreground"]
